/* schema/fields
The columns of a schema's tables, with what the tables are for: what a diagram shows of them. Partitions, and the tables
that yoyo keeps for itself, are left out.
Plan: the catalogue, which is small.
$1 text schema_name: which schema
Sample: select current_schema()::text
*/
select /* schema/fields */
    c.relname::text as table_name,
    coalesce(obj_description(c.oid, 'pg_class'), '') as purpose,
    a.attname::text as column_name,
    replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz') as type,
    not a.attnotnull as nullable
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid
where
    c.relnamespace = $1::text::regnamespace
    and c.relkind in ('r', 'p')
    and not c.relispartition
    and c.relname !~ '^_?yoyo_'
    and a.attnum > 0
    and not a.attisdropped
order by c.relname, a.attnum;
