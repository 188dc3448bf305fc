/* ops/replayed_position
How far a standby has replayed the WAL, and on which timeline; no row on a server that is no standby (after a promotion,
pg_last_wal_replay_lsn keeps its last value). Only with the rights of pg_read_all_stats is the timeline of a standby that streams
known at once after a promotion; otherwise from the next restart point on. None of the three is ever ahead of what is replayed: a
standby that has replayed more of the old timeline does not follow the new one.
Plan: no table.
*/
select /* ops/replayed_position */
    cluster.system_identifier::text as cluster,
    greatest(
        (select receiver.received_tli from pg_stat_wal_receiver as receiver),
        (select point.timeline_id from pg_control_checkpoint() as point),
        (select recovery.min_recovery_end_timeline from pg_control_recovery() as recovery)
    ) as timeline,
    pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint as wal_bytes
from pg_control_system() as cluster
where pg_is_in_recovery();
