-- Every table with its indexes, largest first, and the share of its reads from shared buffers. If that share falls for the
-- three big tables, the rows of the showtimes on sale no longer fit. Row counts are ANALYZE's estimates, null before it.
select
    s.relname as table_name,
    nullif(c.reltuples, -1)::bigint as row_count,
    pg_size_pretty(pg_table_size(s.relid)) as heap,
    pg_size_pretty(pg_indexes_size(s.relid)) as indexes,
    pg_size_pretty(pg_total_relation_size(s.relid)) as together,
    round(100.0 * s.heap_blks_hit / nullif(s.heap_blks_hit + s.heap_blks_read, 0), 1) as heap_hit_percent,
    round(100.0 * s.idx_blks_hit / nullif(s.idx_blks_hit + s.idx_blks_read, 0), 1) as index_hit_percent
from pg_statio_user_tables as s
inner join pg_class as c on s.relid = c.oid
order by pg_total_relation_size(s.relid) desc, s.relname;
