"""PostgreSQL: pool, statement loader, SQL_DIR overrides, migrations, and one repository function a file of sql/.

Imports runtime, settings and errors. The only caller of asyncpg queries on the hot path is `repository`.
"""
