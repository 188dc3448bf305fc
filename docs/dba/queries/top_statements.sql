-- The statements that took most time since pg_stat_statements was last reset, by file; a statement without a file is cut
-- after 60 characters. PostgreSQL 15 keeps comments in front of a statement's first word, 18 only those behind it.
select
    coalesce(substring(s.query from '^(?:[a-z]+ )?/\* ([a-z_]+/[a-z_]+)\s'), left(regexp_replace(s.query, '\s+', ' ', 'g'), 60)) as statement,
    sum(s.calls)::bigint as calls,
    round(sum(s.total_exec_time)::numeric, 1) as total_ms,
    round((sum(s.total_exec_time) / greatest(sum(s.calls), 1))::numeric, 3) as mean_ms,
    round(max(s.max_exec_time)::numeric, 1) as max_ms,
    round((100 * sum(s.total_exec_time) / nullif(sum(sum(s.total_exec_time)) over (), 0))::numeric, 1) as percent,
    round(sum(s.rows) / greatest(sum(s.calls), 1), 1) as rows_a_call,
    round(sum(s.shared_blks_hit + s.shared_blks_read) / greatest(sum(s.calls), 1), 1) as buffers_a_call,
    round(sum(s.wal_bytes) / greatest(sum(s.calls), 1), 1) as wal_bytes_a_call
from pg_stat_statements as s
inner join pg_database as d on s.dbid = d.oid
where d.datname = current_database() and s.toplevel
group by statement
order by total_ms desc
limit 20;
