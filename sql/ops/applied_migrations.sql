/* ops/applied_migrations
The migrations that were applied to this database, as yoyo records them.
Plan: the table is tiny.
*/
select /* ops/applied_migrations */ migration_id
from _yoyo_migration
order by migration_id;
