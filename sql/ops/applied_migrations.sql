/* ops/applied_migrations
The migrations that this database has had, as yoyo writes them down.
Plan: the table is tiny.
*/
select migration_id
from _yoyo_migration
order by migration_id;
