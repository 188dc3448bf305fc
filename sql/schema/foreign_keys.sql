/* schema/foreign_keys
Which columns of a schema's tables refer to which of others, and what follows when the row referred to is deleted.
Plan: the catalogue, which is small.
$1 text schema_name: which schema
Sample: select current_schema()::text
*/
select /* schema/foreign_keys */
    c.relname::text as table_name,
    array(
        select a.attname::text
        from unnest(k.conkey) with ordinality as u (number, place)
        inner join pg_attribute as a on a.attrelid = k.conrelid and u.number = a.attnum
        order by u.place
    ) as columns,
    r.relname::text as referenced_table,
    array(
        select a.attname::text
        from unnest(k.confkey) with ordinality as u (number, place)
        inner join pg_attribute as a on a.attrelid = k.confrelid and u.number = a.attnum
        order by u.place
    ) as referenced_columns,
    case k.confdeltype
        when 'c' then 'on delete cascade'
        when 'n' then 'on delete set null'
        when 'd' then 'on delete set default'
        else ''
    end as on_delete
from pg_constraint as k
inner join pg_class as c on k.conrelid = c.oid
inner join pg_class as r on k.confrelid = r.oid
where c.relnamespace = $1::text::regnamespace and k.contype = 'f' and k.conparentid = 0
order by c.relname, k.conname;
