-- How far each table is from its next autovacuum, by its own settings or the server's: dead rows, and rows inserted since the
-- last one, as percentages of their threshold. Over 100 for longer than autovacuum_naptime, autovacuum is late: too few
-- workers, an old transaction (oldest_transactions.sql), or a lock. freeze_percent is how near the table's oldest row is to
-- the vacuum that cannot be postponed. PostgreSQL 18 counts inserted rows only in pages that are not frozen, so it vacuums
-- after inserts earlier than this says.
with options as (
    select
        c.oid,
        greatest(c.reltuples, 0) as row_count,
        age(c.relfrozenxid) as frozen_age,
        (select o.option_value from pg_options_to_table(c.reloptions) as o
            where o.option_name = 'autovacuum_vacuum_threshold')::double precision as own_threshold,
        (select o.option_value from pg_options_to_table(c.reloptions) as o
            where o.option_name = 'autovacuum_vacuum_scale_factor')::double precision as own_scale,
        (select o.option_value from pg_options_to_table(c.reloptions) as o
            where o.option_name = 'autovacuum_vacuum_insert_threshold')::double precision as own_insert_threshold,
        (select o.option_value from pg_options_to_table(c.reloptions) as o
            where o.option_name = 'autovacuum_vacuum_insert_scale_factor')::double precision as own_insert_scale
    from pg_class as c
    where c.relkind = 'r'
),

limits as (
    select
        oid,
        frozen_age,
        least(
            coalesce(own_threshold, current_setting('autovacuum_vacuum_threshold')::double precision)
            + coalesce(own_scale, current_setting('autovacuum_vacuum_scale_factor')::double precision) * row_count,
            nullif(current_setting('autovacuum_vacuum_max_threshold', true), '-1')::double precision
        ) as dead_limit,
        coalesce(own_insert_threshold, current_setting('autovacuum_vacuum_insert_threshold')::double precision)
        as insert_threshold,
        coalesce(own_insert_scale, current_setting('autovacuum_vacuum_insert_scale_factor')::double precision)
        * row_count as insert_more
    from options
)

select
    s.relname as table_name,
    s.n_live_tup as live_rows,
    s.n_dead_tup as dead_rows,
    round((100 * s.n_dead_tup / nullif(l.dead_limit, 0))::numeric, 1) as dead_percent,
    s.n_ins_since_vacuum as inserted_since,
    case when l.insert_threshold >= 0 then
        round((100 * s.n_ins_since_vacuum / nullif(l.insert_threshold + l.insert_more, 0))::numeric, 1)
    end as inserted_percent,
    round(100.0 * l.frozen_age / current_setting('autovacuum_freeze_max_age')::bigint, 1) as freeze_percent,
    s.last_autovacuum,
    s.last_autoanalyze
from pg_stat_user_tables as s
inner join limits as l on s.relid = l.oid
order by dead_percent desc nulls last, s.relname;
