"""The command line: one module a group of commands. Imports everything else, and nothing imports it."""
