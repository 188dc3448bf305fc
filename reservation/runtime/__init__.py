"""Infrastructure that knows nothing of cinemas: logs, metrics, timings, batching, pub/sub, validation, progress.

Imports only settings and errors.
"""
