/* statistics/top
What the statements of this database have cost since their statistics were last reset, by the file that each came from;
what came from none is one row without a name. Texts that look alike but were planned apart, such as those of two roles,
are one row. A file's name is in front of the statement, which PostgreSQL 15 keeps, or behind its first word, which 18
does. Without pg_read_all_stats a role sees the texts of its own statements only; those of others are a row, too.
Plan: one pass over the extension's function, hashed by name.
Needs: the extension pg_stat_statements.
$1 bigint row_limit: most files to answer, those that took most time
Sample: select 20::bigint
*/
with /* statistics/top */ seen as (
    select
        case
            when s.query = '<insufficient privilege>' then s.query
            else substring(s.query from '^(?:prepare explained as )?(?:[a-z]+ )?/\* ([a-z_]+/[a-z_]+)\s')
        end as name,
        s.calls,
        s.total_exec_time,
        s.rows,
        s.shared_blks_hit + s.shared_blks_read as buffers,
        s.wal_bytes
    from pg_stat_statements as s
    inner join pg_database as d on s.dbid = d.oid
    where d.datname = current_database() and s.toplevel
)

select
    name,
    sum(calls)::bigint as calls,
    sum(total_exec_time) as total_ms,
    sum(total_exec_time) / greatest(sum(calls), 1)::double precision as mean_ms,
    coalesce(sum(total_exec_time) / nullif(sum(sum(total_exec_time)) over (), 0), 0) as share,
    (sum(rows) / greatest(sum(calls), 1))::double precision as rows_per_call,
    (sum(buffers) / greatest(sum(calls), 1))::double precision as buffers_per_call,
    (sum(wal_bytes) / greatest(sum(calls), 1))::double precision as wal_bytes_per_call
from seen
group by name
order by total_ms desc, name asc
limit $1;
