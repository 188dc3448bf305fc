"""What a request brings: ids in the path, query parameters, JSON and form bodies, and the client's address."""
