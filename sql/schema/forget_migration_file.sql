/* schema/forget_migration_file
Deletes the record of a migration's file when the migration is rolled back.
Plan: index scan on migration_files_pkey.
$1 text migration_id: the migration
Sample: select min(migration_id) from migration_files
*/
delete /* schema/forget_migration_file */ from migration_files
where migration_id = $1;
