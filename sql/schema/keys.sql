/* schema/keys
What keeps rows of a schema's tables apart: primary keys, unique indexes, and exclusion constraints, each with its columns
or expressions.
Plan: the catalogue, which is small.
$1 text schema_name: which schema
Sample: select current_schema()::text
*/
select /* schema/keys */
    c.relname::text as table_name,
    case when i.indisprimary then 'primary key' when i.indisunique then 'unique' else 'exclude' end as kind,
    array(
        select replace(pg_get_indexdef(i.indexrelid, k.number, true), '::text', '')
        from generate_series(1, i.indnkeyatts) as k (number)
        order by k.number
    ) as columns
from pg_index as i
inner join pg_class as c on i.indrelid = c.oid
inner join pg_class as x on i.indexrelid = x.oid
where
    c.relnamespace = $1::text::regnamespace
    and not c.relispartition
    and c.relname !~ '^_?yoyo_'
    and (i.indisunique or i.indisexclusion)
order by c.relname, not i.indisprimary, x.relname;
