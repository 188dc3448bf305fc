"""Autovacuum that is in the way of a migration."""

import logging

import psycopg

from .psycopg_connections import Connection

log = logging.getLogger(__name__)

# Who has the lock of VACUUM and ANALYZE on a table of ours; only superusers see which process is autovacuum's.
VACUUMED = """
select distinct c.oid::regclass::text
from pg_locks as l
inner join pg_database as d on l.database = d.oid
inner join pg_class as c on l.relation = c.oid
where
    d.datname = current_database()
    and l.mode = 'ShareUpdateExclusiveLock'
    and l.granted
    and l.pid <> pg_backend_pid()
    and c.relkind = 'r'
    and c.relnamespace = current_schema()::regnamespace
"""
# PostgreSQL cancels autovacuum for a session that has waited for its lock as long as deadlock_timeout.
WAIT = """
select set_config('lock_timeout', (1000 * extract(epoch from wait))::bigint::text, true)
from (select current_setting('deadlock_timeout')::interval + interval '2 s' as wait) as longest
"""


def interrupt_autovacuum(connection: Connection) -> list[str]:
    """Have PostgreSQL cancel autovacuum on the tables of the schema; gives those on which it did.

    PostgreSQL cancels autovacuum, which may take minutes on a large table, for a session that has waited a second for
    its lock. If that is a migration, sales wait behind it for as long; or it has given up before, as those do that need
    several locks. The lock that is asked for here holds up neither reads nor writes. A VACUUM by hand, an index that is
    being built, and autovacuum against the wraparound of transaction ids go on. Autovacuum comes back after its
    autovacuum_naptime.
    """
    interrupted = []
    for (table,) in connection.execute(VACUUMED).fetchall():
        try:
            with connection.transaction():
                connection.execute(WAIT)
                connection.execute(f"lock table {table} in share update exclusive mode".encode())
        except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
            continue  # not autovacuum, or not our table
        log.warning("autovacuum of %s was interrupted, so that no migration waits for it", table)
        interrupted.append(table)
    return interrupted
