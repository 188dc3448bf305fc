-- What keeps VACUUM from removing dead rows, oldest first: open transactions, prepared transactions, replicas with
-- hot_standby_feedback, and replication slots. The service's own transactions are never older than the idle in transaction
-- timeout plus the statement timeout.
select
    'session' as kind,
    pid::text as who,
    application_name as name,
    state,
    date_trunc('milliseconds', clock_timestamp() - xact_start) as open_for,
    greatest(age(backend_xid), age(backend_xmin)) as transactions_since,
    coalesce(substring(query from '/\* ([a-z_]+/[a-z_]+)\s'), left(query, 60)) as statement
from pg_stat_activity
where xact_start is not null and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
union all
select
    'prepared transaction',
    gid,
    owner::text,
    null,
    date_trunc('milliseconds', clock_timestamp() - prepared),
    age(transaction),
    null
from pg_prepared_xacts
union all
select
    'replication slot',
    slot_name::text,
    slot_type,
    case when active then 'active' else 'inactive' end,
    null,
    greatest(age(xmin), age(catalog_xmin)),
    null
from pg_replication_slots
where xmin is not null or catalog_xmin is not null
order by transactions_since desc nulls last, open_for desc nulls last;
