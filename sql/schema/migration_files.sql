/* schema/migration_files
What the file of each applied migration was.
Plan: the table is tiny.
*/
select /* schema/migration_files */
    migration_id,
    sha256
from migration_files;
