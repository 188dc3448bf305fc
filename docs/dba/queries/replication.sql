-- Replicas and slots: how far each is behind, and how much WAL the server keeps for it. No rows: there are none.
select
    coalesce(r.application_name, s.slot_name) as name,
    r.state,
    r.sync_state,
    s.slot_name,
    s.active as slot_active,
    s.wal_status as slot_wal,
    pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)) as kept_for_slot,
    pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)) as behind,
    date_trunc('milliseconds', r.replay_lag) as replay_lag
from pg_stat_replication as r
full join pg_replication_slots as s on r.pid = s.active_pid
order by name;
