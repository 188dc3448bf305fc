/* schema/tables
The tables of a schema, by name: how they are partitioned and stored. Those that yoyo keeps for itself are left out.
Plan: the catalogue, which is small.
$1 text schema_name: which schema
Sample: select current_schema()::text
*/
select /* schema/tables */
    c.relname::text as table_name,
    quote_ident(c.relname) as quoted,
    'partition by ' || pg_get_partkeydef(c.oid) as partition_key,
    'partition of ' || quote_ident(p.relname) as partition_of,
    pg_get_expr(c.relpartbound, c.oid) as partition_bound,
    (select string_agg(o.setting, ', ' order by o.setting::name) from unnest(c.reloptions) as o (setting)) as options
from pg_class as c
left join pg_inherits as i on c.oid = i.inhrelid
left join pg_class as p on i.inhparent = p.oid
where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'p') and c.relname !~ '^_?yoyo_'
order by c.relname;
