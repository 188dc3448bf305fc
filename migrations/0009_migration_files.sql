-- What the file of each applied migration was, so that one that was edited since is noticed.
-- A new table that nothing older asks for, so it can be made beside the version that is running. Migrations that were
-- applied before it existed are written down by whoever applies this one, as their files are then.

set local lock_timeout = '5s';

create table migration_files (
    migration_id text not null,
    sha256 bytea not null,
    recorded_at timestamptz not null default now(),
    constraint migration_files_pkey primary key (migration_id),
    constraint migration_files_sha256_check check (octet_length(sha256) = 32)
);

do $$
begin
    -- The service only reads it: what the default privileges of 0007 say of new tables is too much.
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke insert, update on migration_files from reservation_app;
    end if;
end
$$;

comment on table migration_files is 'The files of the applied migrations, so that one that was edited since is noticed.';
comment on column migration_files.migration_id is 'Name of the file, without its ending, as in _yoyo_migration.';
comment on column migration_files.sha256 is 'SHA-256 of the file''s bytes: comments and white space count, too.';
comment on column migration_files.recorded_at is 'When the file was applied, or, if it is edited, when that was accepted.';
