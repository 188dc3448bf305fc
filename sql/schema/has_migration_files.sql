/* schema/has_migration_files
Whether the table of the applied migrations' files is there: a database of before migration 0009 has none.
Plan: no table.
*/
select /* schema/has_migration_files */ to_regclass('migration_files') is not null as found;
