"""`python -m reservation`."""

from .commands.main import main

main()
