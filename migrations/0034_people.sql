-- transactional: false
-- Each statement is a transaction of its own.
-- squawk-ignore-file renaming-object, ban-concurrent-index-creation-in-transaction
-- What the service keeps of an account besides: when it was disabled, and when its person was erased; and of a login session,
-- when it was refreshed. The version that is running lets disabled accounts log in, but not go on: their sessions are revoked.
-- And what erases a person: triggers replace name and address, and leave out the reference, metadata and reasons that are written
-- later; these run for rows with one of them only. The migration may be run again from its beginning.
-- Longest lock: access exclusive on users and on login_sessions, one after the other, for columns without values, then share row
-- exclusive on reservations and on reservation_changes for triggers: less than 2 ms each.

set lock_timeout = '5s';

alter table users
add column if not exists disabled_at timestamptz,
add column if not exists erased_at timestamptz;

alter table login_sessions add column if not exists refreshed_at timestamptz;

comment on column users.disabled_at is 'When an administrator disabled the account; null: it may log in.';
comment on column users.erased_at is 'When the person was erased: name and address are made up since then. Null: it was not.';
comment on column login_sessions.refreshed_at is 'When the newest refresh token was made; null: by the login.';
comment on column login_sessions.generation is
'Number of the newest refresh token. That of the token before is answered for 30 s after refreshed_at with the same new pair; the
use of any other revokes the family.';

create or replace trigger users_recorded
after insert or update or delete on users
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('user', 'id', 'id', 'id role disabled_at created_at updated_at', '');

-- A trigger, so that the role of the service needs no right to change names and addresses.
create or replace function erase_user()
returns trigger
language plpgsql
as $$
begin
    new.name := 'Erased';
    -- Random: addresses are unique, and no account has this one.
    if new.role = 'guest' then
        new.guest_email := gen_random_uuid() || '@erased.invalid';
    else
        new.email := gen_random_uuid() || '@erased.invalid';
        new.role := 'user';
    end if;
    new.password_hash := '!';
    new.disabled_at := coalesce(new.disabled_at, now());
    return new;
end
$$;

comment on function erase_user is
'Replaces name, address and password of a user who is erased, and takes the role away. The row stays, since sales refer to it.';

create or replace trigger users_erasing
before update of erased_at on users
for each row
when (old.erased_at is null and new.erased_at is not null)
execute function erase_user();

create or replace function erase_from_change_log()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format(
        'update %I.change_log set before = null, after = null where person_id = $1', tg_table_schema
    ) using new.id;
    return null;
end
$$;

comment on function erase_from_change_log is
'Deletes the contents of the entries of change_log that concern a person who is erased; who changed what and when stays.';

revoke execute on function erase_from_change_log from public;

create or replace trigger users_erased
after update of erased_at on users
for each row
when (old.erased_at is null and new.erased_at is not null)
execute function erase_from_change_log();

-- Waits for an erasure that is under way; FOR KEY SHARE returns the user as it is after the wait. An erasure in turn waits for
-- the transaction that has written a text, and then sees it.
create or replace function leave_out_texts_of_erased()
returns trigger
language plpgsql
as $$
declare
    owner_id bigint;
    is_erased boolean;
begin
    if tg_table_name = 'reservations' then
        owner_id := new.user_id;
    else
        select r.user_id into owner_id
        from reservations as r
        where r.id = new.reservation_id;
    end if;
    select u.erased_at is not null into is_erased
    from users as u
    where u.id = owner_id
    for key share;
    if is_erased and tg_table_name = 'reservations' then
        new.reference := null;
        new.metadata := null;
        new.cancel_reason := null;
    elsif is_erased then
        new.reason := null;
    end if;
    return new;
end
$$;

comment on function leave_out_texts_of_erased is
'Leaves out what clients and the box office write to a reservation whose customer was erased: reference, metadata and reasons.';

create or replace trigger reservations_of_erased
before insert or update of reference, metadata, cancel_reason on reservations
for each row
when (new.reference is not null or new.metadata is not null or new.cancel_reason is not null)
execute function leave_out_texts_of_erased();

create or replace trigger reservation_changes_of_erased
before insert on reservation_changes
for each row
when (new.reason is not null)
execute function leave_out_texts_of_erased();

drop index concurrently if exists api_keys_user_id_idx;

create index concurrently if not exists api_keys_user_id_idx on api_keys (user_id);

do $$
begin
    if to_regprocedure('grant_reservation_roles_0032()') is null then
        alter procedure grant_reservation_roles() rename to grant_reservation_roles_0032;
    end if;
end
$$;

create or replace procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0032();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        -- Not name and address: the trigger users_erasing sets them.
        grant update (disabled_at, erased_at) on users to reservation_app;
        grant update (name) on api_keys to reservation_app;
        grant update (reference, metadata, cancel_reason) on archived_reservations to reservation_app;
        grant update (reason) on reservation_changes to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (disabled_at, erased_at) on users to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
