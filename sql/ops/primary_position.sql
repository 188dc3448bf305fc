/* ops/primary_position
A moment of PostgreSQL's clock, in microseconds, and the place to which the WAL was flushed no earlier than that.
Every commit that was answered before the moment is before this place. It fails on a standby.
Plan: no table.
*/
select /* ops/primary_position */
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us,
    pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint as wal_bytes;
