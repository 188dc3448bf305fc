-- Seat plans: positions of seats in the drawing of their room, seat types that a cinema makes up itself, and seats that
-- change, so that they have an updated_at. The version that is running asks for none of these columns.
-- The longest lock is access exclusive on seats, while the index of positions is built and the checks read the table:
-- within the transaction, since seats are few (0.2 s for 100,000). Holds and confirms do not wait for it, unless their worker has to
-- read the plan of a room; nor do maps.

set local lock_timeout = '5s';

alter table seats
add column x integer,
add column y integer,
add column updated_at timestamptz not null default now(),
-- squawk-ignore constraint-missing-not-valid
add constraint seats_position_check check ((x is null) = (y is null)),
-- Checked at the end of a statement, in which seats may exchange their positions.
-- squawk-ignore constraint-missing-not-valid
add constraint seats_position_excl exclude (auditorium_id with =, x with =, y with =) where (retired_at is null)
deferrable initially immediate,
-- squawk-ignore ban-drop-constraint
drop constraint seats_seat_type_check,
-- squawk-ignore constraint-missing-not-valid
add constraint seats_seat_type_check check (
    char_length(seat_type) <= 40 and seat_type ~ '^[a-z0-9]+(-[a-z0-9]+)*$'
);

comment on column seats.x is 'Position in the drawing of the room, from left to right as one faces the screen; null: none given.';
comment on column seats.y is 'Position in the drawing of the room, from the screen to the back; null: none given.';
comment on constraint seats_position_excl on seats is 'No two seats of a room are in one position.';

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0017;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0017();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant update (row_label, seat_number, seat_type, price_modifier, x, y, updated_at) on seats to reservation_app;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
