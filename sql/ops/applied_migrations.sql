/* ops/applied_migrations
The migrations that this database has had, as yoyo writes them down.
Plan: the table is tiny.
*/
select /* ops/applied_migrations */ migration_id
from _yoyo_migration
order by migration_id;
