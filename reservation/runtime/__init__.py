"""Infrastructure without any knowledge of cinemas: logs, access log, metrics, timings, batching, pub/sub, validation, progress.

Imports only settings and errors.
"""
