-- Connections by application_name, role and state, and the server's maximum. The service's name is "reservation": at most
-- POOL_SIZE for each worker. The service is never "idle in transaction" for more than a moment.
select
    datname as database_name,
    application_name,
    usename as role_name,
    coalesce(state, backend_type) as state,
    count(*) as connections,
    date_trunc('seconds', max(clock_timestamp() - state_change)) as longest_in_state,
    round(100.0 * sum(count(*)) over () / current_setting('max_connections')::integer, 1) as all_percent_of_max
from pg_stat_activity
where backend_type = 'client backend'
group by datname, application_name, usename, coalesce(state, backend_type)
order by connections desc, database_name, application_name, role_name, state;
