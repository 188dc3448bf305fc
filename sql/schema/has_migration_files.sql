/* schema/has_migration_files
Returns whether the table migration_files exists: databases from before migration 0009 have none.
Plan: no table.
*/
select /* schema/has_migration_files */ to_regclass('migration_files') is not null as found;
