/* schema/constraints
The constraints of a schema's tables, as they would be written down; those that a partition inherits are left out.
NOT NULL belongs to the columns: only from PostgreSQL 18 on is it a constraint, too.
Plan: the catalogue, which is small.
$1 text schema_name: which schema
Sample: select current_schema()::text
*/
select /* schema/constraints */
    c.relname::text as table_name,
    k.contype = 'f' as is_foreign_key,
    format('constraint %I %s', k.conname, pg_get_constraintdef(k.oid, true)) as definition
from pg_constraint as k
inner join pg_class as c on k.conrelid = c.oid
where c.relnamespace = $1::text::regnamespace and k.contype in ('c', 'f', 'p', 'u', 'x') and k.conislocal
order by c.relname, strpos('pucxf', k.contype::text), k.conname;
