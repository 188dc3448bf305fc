"""One function a file of sql/, with the same name: a connection and keyword arguments in, frozen dataclasses out."""
