"""The one door for text from names, files and messages on its way to a terminal."""


def in_one_line(message: object) -> str:
    """A message whatever is in the names that it has: no line ends, no terminal is told anything.

    Examples
    --------
    >>> print(in_one_line("no file a\\n\\x1b[2Jb"))
    no file a\\n\\x1b[2Jb
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(message))
