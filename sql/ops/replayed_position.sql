/* ops/replayed_position
The place to which a standby has replayed the WAL; null on a server that is no standby (after a
promotion, pg_last_wal_replay_lsn keeps its last value).
Plan: no table.
*/
select /* ops/replayed_position */
    case when pg_is_in_recovery() then pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint end as wal_bytes;
