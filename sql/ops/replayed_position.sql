/* ops/replayed_position
The place to which a standby has replayed the WAL; null on a server that is no standby.
Plan: no table.
*/
select /* ops/replayed_position */ pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint as wal_bytes;
