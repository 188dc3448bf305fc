/* ops/primary_position
Where the primary writes the WAL now: every commit that was answered before is before this place, durable or not. It fails on a
standby.
Plan: no table.
*/
select /* ops/primary_position */
    cluster.system_identifier::text as cluster,
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer as timeline,
    -- At the start of a page the place is behind the page's header of 24 bytes, which a standby replays with the next record.
    place.wal_bytes - case
        when place.wal_bytes % current_setting('wal_block_size')::bigint = 24 then 24
        else 0
    end as wal_bytes
from
    pg_control_system() as cluster,
    (select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as wal_bytes) as place;
