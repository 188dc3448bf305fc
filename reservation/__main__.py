"""`python -m reservation`."""

from .cli import main

main()
