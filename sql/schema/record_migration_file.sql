/* schema/record_migration_file
Records the digest of a migration's file when it is applied, or when an edited file is accepted.
Plan: index scan on migration_files_pkey.
$1 text migration_id: the migration
$2 bytea sha256: digest of its file
Sample: select min(migration_id), decode(md5('') || md5(''), 'hex') from migration_files
*/
insert /* schema/record_migration_file */ into migration_files (migration_id, sha256)
values ($1, $2)
on conflict (migration_id) do update set
    sha256 = excluded.sha256,
    recorded_at = excluded.recorded_at;
