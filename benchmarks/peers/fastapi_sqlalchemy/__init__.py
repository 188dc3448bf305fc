"""The same booking flow on FastAPI, SQLAlchemy 1.4 and synchronous redis-py, as a team that knows them writes it."""
