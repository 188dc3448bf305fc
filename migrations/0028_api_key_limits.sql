-- Limits of an API key on the holds that it makes. Null: those of the account that it acts for; 0: no limit. The default is 0,
-- for the keys that there are and for those that the version which is running makes: holds of API keys had no limits until now.
-- A constant default is kept in the catalogue, so no row is written.
-- Longest lock: access exclusive on api_keys, for changes of the catalogue and a scan of this small table: less than 2 ms.
-- squawk-ignore-file constraint-missing-not-valid

set local lock_timeout = '5s';

alter table api_keys
add column max_holds_per_user integer default 0,
add column max_seats_per_user_per_showtime integer default 0,
add column holds_per_minute integer default 0,
add constraint api_keys_limits_check check (
    max_holds_per_user >= 0 and max_seats_per_user_per_showtime >= 0 and holds_per_minute >= 0
);

comment on column api_keys.max_holds_per_user is
'Most live holds of a customer to which the key adds one; 0: no limit, null: that of its account.';
comment on column api_keys.max_seats_per_user_per_showtime is
'Most seats of a customer in a showtime, held and booked, to which the key adds some; 0: no limit, null: that of its account.';
comment on column api_keys.holds_per_minute is
'Most holds of the key in a minute; 0: no limit, null: its address counts, as for its account.';

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0026;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0026();
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (max_holds_per_user, max_seats_per_user_per_showtime, holds_per_minute) on api_keys
        to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
