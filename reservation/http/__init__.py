"""The JSON API: handlers, what they receive (input/), what they answer (output/), and the OpenAPI document.

A handler declares its operation in a table of `routes`; `dispatch` serves the tables: it authenticates the caller,
validates the input and runs the handler. Imports booking, catalog, identity and everything below them.
"""
