/* schema/record_migration_file
Write down what a migration's file is: when it is applied, or when it was edited and that is accepted.
Plan: index scan on migration_files_pkey.
$1 text migration_id: which migration
$2 bytea sha256: digest of its file
Sample: select min(migration_id), decode(md5('') || md5(''), 'hex') from migration_files
*/
insert /* schema/record_migration_file */ into migration_files (migration_id, sha256)
values ($1, $2)
on conflict (migration_id) do update set
    sha256 = excluded.sha256,
    recorded_at = excluded.recorded_at;
