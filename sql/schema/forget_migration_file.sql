/* schema/forget_migration_file
Forget the file of a migration that was rolled back.
Plan: index scan on migration_files_pkey.
$1 text migration_id: which migration
Sample: select min(migration_id) from migration_files
*/
delete /* schema/forget_migration_file */ from migration_files
where migration_id = $1;
