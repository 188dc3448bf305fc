"""The catalogue: cinemas, movies, auditoriums with their seats, and showtimes; bulk/ imports and exports them as CSV.

Imports holds, db and runtime.
"""
