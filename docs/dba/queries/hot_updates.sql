-- The share of updates that stayed in their page and changed no index (HOT), and dead rows, by table. Under 90 % on a table
-- with many updates: an index has a column that they change, or the pages are full (fillfactor).
select
    relname as table_name,
    n_tup_upd as updates,
    n_tup_hot_upd as hot_updates,
    round(100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0), 1) as hot_percent,
    n_live_tup as live_rows,
    n_dead_tup as dead_rows,
    autovacuum_count as autovacuums,
    last_autovacuum
from pg_stat_user_tables
order by n_tup_upd desc, relname;
