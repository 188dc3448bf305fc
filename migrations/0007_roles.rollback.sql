-- A role goes when nothing else uses it: no other database of the cluster, and no login that is a member.

set local lock_timeout = '5s';

-- squawk-ignore ban-drop-function
drop procedure grant_reservation_roles();

do $$
declare
    home text := current_schema();
    migrator text := (select pg_get_userbyid(relowner) from pg_class where oid = 'users'::regclass);
    found text;
begin
    foreach found in array array['reservation_app', 'reservation_readonly'] loop
        if exists (select from pg_roles where rolname = found) then
            execute format(
                'revoke all on _yoyo_migration, users, login_sessions, movies, auditoriums, seats, showtimes, reservations, '
                'reservation_seats, booked_seats, idempotency_keys, api_keys from %I', found
            );
            execute format(
                'alter default privileges for role %I in schema %I revoke all on tables from %I', migrator, home, found
            );
            execute format('revoke all on schema %I from %I', home, found);
            begin
                -- Whoever created it is a member from PostgreSQL 16 on.
                if not exists (
                    select from pg_auth_members as m
                    where m.roleid = found::regrole and m.member <> current_user::regrole
                ) then
                    execute format('drop role %I', found);
                end if;
            exception
                when dependent_objects_still_exist or insufficient_privilege or object_in_use or undefined_object then
                    raise notice 'the role % stays: %', found, sqlerrm;
            end;
        end if;
    end loop;
end
$$;
