/* schema/migration_files
Returns the recorded digest of each applied migration's file.
Plan: a sequential scan; the table has one row for each migration.
*/
select /* schema/migration_files */
    migration_id,
    sha256
from migration_files;
