"""`python -m bitlight.cli`, where the script `bitlight` is not on the PATH."""

from bitlight.cli.main import main

main()
