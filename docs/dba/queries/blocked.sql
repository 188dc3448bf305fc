-- Sessions that wait for a lock and the sessions that hold it, one row for each pair. The statement of a session that is
-- idle in its transaction is the last one that it ran. To end a session that blocks others and itself waits for no lock:
-- pg_terminate_backend(blocker_pid).
select
    waiting.pid as waiting_pid,
    waiting.application_name as waiting_name,
    coalesce(substring(waiting.query from '/\* ([a-z_]+/[a-z_]+)\s'), left(waiting.query, 60)) as waiting_statement,
    waiting.wait_event as waits_for,
    date_trunc('milliseconds', clock_timestamp() - waiting.query_start) as since,
    blocker.pid as blocker_pid,
    blocker.application_name as blocker_name,
    coalesce(substring(blocker.query from '/\* ([a-z_]+/[a-z_]+)\s'), left(blocker.query, 60)) as blocker_statement,
    blocker.state as blocker_state,
    date_trunc('milliseconds', clock_timestamp() - blocker.xact_start) as blocker_transaction_age,
    cardinality(pg_blocking_pids(blocker.pid)) > 0 as blocker_waits_too
from pg_stat_activity as waiting
cross join unnest(pg_blocking_pids(waiting.pid)) as by (pid)
inner join pg_stat_activity as blocker on by.pid = blocker.pid
where waiting.datname = current_database()
order by since desc, waiting_pid, blocker_pid;
