/* statistics/top
Returns what the statements of this database have cost since their statistics were reset, one row for each file.
Statements without a file are one row without a name. Entries of the same file with another plan or role are added up.
The file's name stands before the statement, where PostgreSQL 15 keeps it, or behind its first word, where 18 keeps it.
Without pg_read_all_stats a role sees the texts of its own statements only; those of others are one row.
Plan: one pass over the extension's function, hashed by name.
Needs: the extension pg_stat_statements.
$1 bigint row_limit: the most files to return, those with the most time first
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
