set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0017() rename to grant_reservation_roles;

do $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update (row_label, seat_number, seat_type, price_modifier) on seats from reservation_app;
    end if;
end
$$;

-- The version before knows three types; the others become regular. Positions are lost.
update seats set seat_type = 'regular'
where seat_type not in ('regular', 'premium', 'wheelchair');

alter table seats
drop constraint seats_seat_type_check,
add constraint seats_seat_type_check check (seat_type in ('regular', 'premium', 'wheelchair')),
drop constraint seats_position_excl,
drop constraint seats_position_check,
drop column updated_at,
drop column y,
drop column x;
