"""Two customers and one seat: at each exchange of a request with a store something happens, and each promise holds."""
