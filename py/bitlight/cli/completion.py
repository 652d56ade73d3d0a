"""`bitlight completion`: what a shell reads to complete commands, options and names."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_BITLIGHT_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes bitlight's commands, options and names in SHELL.

    \b
    bash: echo 'eval "$(bitlight completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(bitlight completion zsh)"' >> ~/.zshrc
    fish: bitlight completion fish > ~/.config/fish/completions/bitlight.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    script = kind(context.find_root().command, {}, "bitlight", VARIABLE)
    click.echo(script.source_template % script.source_vars())
