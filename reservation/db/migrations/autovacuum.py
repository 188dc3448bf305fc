"""Autovacuum that would hold up a migration, and sales behind it."""

import logging

import psycopg

from ..psycopg_connections import Connection

log = logging.getLogger(__name__)

# Tables on which another session has the lock that VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY take. Without
# pg_read_all_stats we cannot see whether that session is autovacuum.
VACUUMED = """
select distinct format('%I.%I', n.nspname, c.relname)
from pg_locks as l
inner join pg_database as d on l.database = d.oid
inner join pg_class as c on l.relation = c.oid
inner join pg_namespace as n on c.relnamespace = n.oid
where
    d.datname = current_database()
    and n.nspname = current_schema()
    and c.relkind = 'r'
    and l.mode = 'ShareUpdateExclusiveLock'
    and l.granted
    and l.pid <> pg_backend_pid()
"""
# PostgreSQL cancels autovacuum for a session that has waited for its lock as long as deadlock_timeout.
WAIT = """
select set_config('lock_timeout', (1000 * extract(epoch from wait))::bigint::text, true)
from (select least(current_setting('deadlock_timeout')::interval + interval '2 s', interval '10 s') as wait) as longest
"""
ROUNDS = 10  # a worker that is cancelled goes on with the next table


class Autovacuum:
    """Autovacuum on the tables of the schema, during one run of migrations.

    PostgreSQL cancels autovacuum, which may take minutes on a large table, for a session that has waited a second for
    its lock. If that is a migration, sales wait behind it for as long. A migration with a lock_timeout of 200 ms never
    waits so long, and fails.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._going_on: set[str] = set()

    def interrupt(self) -> bool:
        """Have PostgreSQL cancel it on all tables, by a lock that holds up neither reads nor writes.

        Returns whether a table was free of it only then. A VACUUM by hand, an index that is being built, and autovacuum
        against the wraparound of transaction ids go on; their tables are waited for once.
        """
        was_there = False
        for _ in range(ROUNDS):
            found = [table for (table,) in self._connection.execute(VACUUMED) if table not in self._going_on]
            if not found:
                break
            for table in found:
                was_there |= self._wait_for(table)
        return was_there

    def _wait_for(self, table: str) -> bool:
        try:
            with self._connection.transaction():
                self._connection.execute(WAIT)
                self._connection.execute(f"lock table {table} in share update exclusive mode".encode())
        except psycopg.errors.UndefinedTable:
            return False  # dropped meanwhile
        except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
            self._going_on.add(table)
            log.warning("a VACUUM, ANALYZE or CREATE INDEX of %s goes on: migrations of that table wait for it", table)
            return False
        log.warning("waited for the end of VACUUM or ANALYZE of %s, for which autovacuum is cancelled", table)
        return True
