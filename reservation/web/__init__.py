"""The pages for browsers: customers, administration and the box office, rendered on the server.

A page calls the operations of the JSON API inside the process, as its user (`api_client`): it can do what the API can,
validated, authorised and recorded in the same way, and nothing else. Imports `http` and what stands below it.
"""
