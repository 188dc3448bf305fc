"""One module an area of the API: its schemas and its handlers, each handler parse, call, answer."""
