"""The JSON API: routes, handlers, problem details, idempotent replay and the OpenAPI document.

The only package that speaks HTTP. Imports booking, catalog, identity, seatmap, holds, db and runtime.
"""
