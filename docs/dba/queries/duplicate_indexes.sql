-- Indexes whose columns are the first columns of another index of the same kind, which can serve the same queries. Unique
-- indexes are left out, because they are constraints.
select
    shorter.indrelid::regclass::text as table_name,
    shorter.indexrelid::regclass::text as index_name,
    longer.indexrelid::regclass::text as covered_by
from pg_index as shorter
inner join pg_class as shorter_class on shorter.indexrelid = shorter_class.oid
inner join pg_namespace as n on shorter_class.relnamespace = n.oid
inner join pg_index as longer
    on shorter.indrelid = longer.indrelid and shorter.indexrelid <> longer.indexrelid
inner join pg_class as longer_class on longer.indexrelid = longer_class.oid and shorter_class.relam = longer_class.relam
where
    n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
    and not shorter.indisunique
    and shorter.indnkeyatts <= longer.indnkeyatts
    and pg_get_expr(shorter.indpred, shorter.indrelid) is not distinct from pg_get_expr(longer.indpred, longer.indrelid)
    -- Column by column, as they are written, expressions and directions included.
    and not exists (
        select 1
        from generate_series(1, shorter.indnkeyatts) as k (number)
        where
            pg_get_indexdef(shorter.indexrelid, k.number, false) <> pg_get_indexdef(longer.indexrelid, k.number, false)
            or shorter.indoption[k.number - 1] <> longer.indoption[k.number - 1]
            or shorter.indclass[k.number - 1] <> longer.indclass[k.number - 1]
            or shorter.indcollation[k.number - 1] <> longer.indcollation[k.number - 1]
    )
    -- Of two that are equal, one.
    and (shorter.indnkeyatts < longer.indnkeyatts or longer.indisunique or shorter.indexrelid > longer.indexrelid)
order by 1, 2, 3;
