-- Bytes a row of each table that grows with sales, and of each of its indexes: after VACUUM (ANALYZE), for sizing.
with sizes as (
    select
        c.oid,
        c.relname as table_name,
        nullif(c.reltuples, -1) as row_count,
        pg_relation_size(c.oid) as heap_bytes,
        coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) as toast_bytes
    from pg_class as c
    where
        c.oid in (
            'reservations'::regclass,
            'booked_seats'::regclass,
            'archived_reservations'::regclass,
            'idempotency_keys'::regclass,
            'login_sessions'::regclass
        )
)

select
    s.table_name,
    null as index_name,
    s.row_count::bigint as row_count,
    s.heap_bytes + s.toast_bytes as bytes,
    round(((s.heap_bytes + s.toast_bytes) / nullif(s.row_count, 0))::numeric, 1) as bytes_a_row
from sizes as s
union all
select
    s.table_name,
    i.indexrelid::regclass::text as index_name,
    s.row_count::bigint as row_count,
    pg_relation_size(i.indexrelid) as bytes,
    round((pg_relation_size(i.indexrelid) / nullif(s.row_count, 0))::numeric, 1) as bytes_a_row
from sizes as s
inner join pg_index as i on s.oid = i.indrelid
order by table_name, index_name nulls first;
