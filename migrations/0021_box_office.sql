-- transactional: false
-- Each statement is a transaction of its own, and the checks that are dropped are replaced by wider ones at once.
-- squawk-ignore-file ban-drop-constraint, ban-drop-not-null, constraint-missing-not-valid
-- What the box office and guests need: the reason of a cancel by staff, and guests, who are rows of users without a login.
-- A guest's address stands in guest_email, and email is null. So users_lower_email_key, by which logins and sign-ups find an
-- address, leaves guests out, for the version that is running as well: any number of guests may have the address of an account.
-- It may be stopped and run again from its beginning. The longest lock is ACCESS EXCLUSIVE, on one table at a time, for changes
-- of the catalogue alone: 2 ms. The validation and the indexes read users beside all other sessions.

set lock_timeout = '5s';

-- Its length is checked by the service: PostgreSQL prepares each check of a table anew in every statement that writes a row.
alter table reservations add column if not exists cancel_reason text;
alter table archived_reservations add column if not exists cancel_reason text;

comment on column reservations.cancel_reason is 'Why the box office cancelled it; null if the customer did, or it is not cancelled.';
comment on column archived_reservations.cancel_reason is
'Why the box office cancelled it; null if the customer did, or it is not cancelled.';

alter table users
add column if not exists guest_email text,
add column if not exists made_at_box_office boolean not null default false,
alter column email drop not null,
drop constraint if exists users_role_check,
drop constraint if exists users_guest_check,
drop constraint if exists users_guest_email_check,
add constraint users_role_check check (role in ('user', 'staff', 'admin', 'guest')) not valid,
add constraint users_guest_email_check check (char_length(guest_email) between 3 and 320) not valid,
add constraint users_guest_check check (
    (role = 'guest') = (email is null)
    and (role = 'guest') = (guest_email is not null)
    and (role = 'guest' or not made_at_box_office)
) not valid;

alter table users validate constraint users_role_check;
alter table users validate constraint users_guest_email_check;
alter table users validate constraint users_guest_check;

comment on table users is 'Everybody who books: customers, staff and administrators with a login, and guests without one.';
comment on column users.email is 'As typed at sign-up; unique and looked up without regard to case. Null for a guest.';
comment on column users.role is
'user books seats, staff is the box office, admin runs the catalogue and the roles, guest books without a login.';
comment on column users.guest_email is 'A guest''s address, as typed; not unique, and null for everybody else.';
comment on column users.made_at_box_office is
'Whether staff made the guest, for a customer without an account: such a guest never gets a token.';

-- What an interrupted attempt may have left, which is not valid.
drop index concurrently if exists users_guest_email_idx;
drop index concurrently if exists users_box_office_guest_key;
drop index concurrently if exists users_role_idx;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists users_guest_email_idx on users (lower(guest_email), id) where guest_email is not null;

-- One row for a customer whom the box office serves again.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create unique index concurrently if not exists users_box_office_guest_key
on users (lower(guest_email), name) where made_at_box_office;

-- Lists of accounts by role, and all but the guests.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists users_role_idx on users (role, id);

do $$
begin
    if to_regprocedure('grant_reservation_roles_0020()') is null then
        alter procedure grant_reservation_roles() rename to grant_reservation_roles_0020;
    end if;
end
$$;

create or replace procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0020();
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (guest_email, made_at_box_office) on users to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
