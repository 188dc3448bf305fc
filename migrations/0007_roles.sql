-- Two roles for a DBA to hand out, neither of which can log in: reservation_app is what the service may do, and
-- reservation_readonly what somebody may do who looks. Roles belong to the whole cluster, so another database of it may
-- have made them already, or be making them at this moment. Where they are missing and the migrating user may not
-- create roles, the migration says so and goes on: docs/tuning.md tells what is left for a DBA to do.

set local lock_timeout = '5s';

-- Kept, for whoever creates the roles later on: it grants to those that there are, and may be called again.
create procedure grant_reservation_roles()
language plpgsql
as $$
declare
    home text := current_schema();
    -- Whoever migrates: what that role creates later on is meant by the default privileges.
    migrator text := (select pg_get_userbyid(relowner) from pg_class where oid = 'users'::regclass);
    -- Tables of later migrations that only tools write, for roles that are created later still.
    later text;
begin
    foreach later in array array['archived_reservations', 'migration_files'] loop
        if to_regclass(later) is not null and exists (select from pg_roles where rolname = 'reservation_app') then
            execute format('grant select on %I to reservation_app', later);
        end if;
        if to_regclass(later) is not null and exists (select from pg_roles where rolname = 'reservation_readonly') then
            execute format('grant select on %I to reservation_readonly', later);
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'reservation_app') then
        execute format('grant usage on schema %I to reservation_app', home);
        grant select on _yoyo_migration to reservation_app;
        grant select, insert, update, delete on movies, auditoriums, showtimes, login_sessions, idempotency_keys
        to reservation_app;
        grant select, insert, delete on seats, booked_seats to reservation_app;
        -- Of an update there is none: holds lock the rows, for which PostgreSQL wants the right to some column.
        grant update (created_at) on seats to reservation_app;
        -- What is never deleted: who, and what was sold to them.
        grant select, insert, update on reservations to reservation_app;
        grant select, insert on reservation_seats, users, api_keys to reservation_app;
        grant update (password_hash, role, updated_at) on users to reservation_app;
        grant update (last_used_at, revoked_at) on api_keys to reservation_app;
        -- A later migration that brings a table from which the service deletes says so, or one that it only reads.
        execute format(
            'alter default privileges for role %I in schema %I grant select, insert, update on tables '
            'to reservation_app', migrator, home
        );
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        execute format('grant usage on schema %I to reservation_readonly', home);
        grant select on
        _yoyo_migration, movies, auditoriums, seats, showtimes, reservations, reservation_seats, booked_seats,
        login_sessions, idempotency_keys
        to reservation_readonly;
        -- All but the hashes; a column that a later migration adds to these two is granted there.
        grant select (id, name, email, role, created_at, updated_at) on users to reservation_readonly;
        grant select (
            id, name, user_id, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
        ) on api_keys to reservation_readonly;
        execute format(
            'alter default privileges for role %I in schema %I grant select on tables to reservation_readonly',
            migrator, home
        );
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

do $$
declare
    wanted text;
begin
    foreach wanted in array array['reservation_app', 'reservation_readonly'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                when duplicate_object or unique_violation then
                    null; -- another database of the cluster was quicker
                when insufficient_privilege then
                    raise warning 'the role % does not exist, and % may not create it', wanted, current_user
                    using hint = format(
                        'As a DBA: create role %I nologin; then in this database: call grant_reservation_roles();', wanted
                    );
            end;
        end if;
    end loop;
end
$$;

call grant_reservation_roles();
