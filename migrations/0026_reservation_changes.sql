-- What a reservation was before each change of its seats: a partial cancel, seats added to a hold, an exchange. The row of
-- the reservation has what is valid now, so holds, confirms and the audit read one place; refunds and repeated requests find
-- here what was given up, when, and at which price. A table and not an array in the row: a reservation may change often, and
-- to another showtime, and rows that never change stay as small as they were. As idempotency_keys it has no foreign key to
-- reservations, so it keeps its rows when the reservation is archived. The version that is running does not use it.
-- Longest lock: share row exclusive on showtimes, for the foreign key of an empty table: less than
-- 2 ms, 0.1 s in all.

set local lock_timeout = '5s';

create table reservation_changes (
    id bigint generated always as identity,
    reservation_id uuid not null,
    change text not null,
    changed_by text not null,
    reason text,
    changed_at timestamptz not null default clock_timestamp(),
    status text not null,
    showtime_id bigint not null,
    total_price numeric(14, 2) not null,
    seat_ids bigint[] not null,
    row_labels text[] not null,
    seat_numbers integer[] not null,
    prices numeric(12, 2)[] not null,
    ticket_type_ids bigint[] not null,
    constraint reservation_changes_pkey primary key (reservation_id, id),
    constraint reservation_changes_change_check check (change in ('cancelled_seats', 'added_seats', 'exchanged')),
    constraint reservation_changes_changed_by_check check (changed_by in ('customer', 'cinema', 'staff')),
    constraint reservation_changes_status_check check (status in ('held', 'confirmed')),
    constraint reservation_changes_showtime_id_fkey foreign key (showtime_id) references showtimes (id),
    constraint reservation_changes_seats_check check (
        cardinality(row_labels) = cardinality(seat_ids)
        and cardinality(seat_numbers) = cardinality(seat_ids)
        and cardinality(prices) = cardinality(seat_ids)
        and cardinality(ticket_type_ids) in (0, cardinality(seat_ids))
    )
);

-- For the deletion of a showtime.
create index reservation_changes_showtime_id_idx on reservation_changes (showtime_id);

comment on table reservation_changes is 'A reservation as it was before a change of its seats; the row in reservations is what came of it.';
comment on column reservation_changes.change is 'cancelled_seats, added_seats or exchanged.';
comment on column reservation_changes.changed_by is 'customer, cinema or staff.';
comment on column reservation_changes.reason is 'That of the box office, for a change at any time.';
comment on column reservation_changes.changed_at is
'By clock_timestamp(), under the lock of the reservation and before its idempotency key, so that times and keys are in order.';
comment on column reservation_changes.status is 'held or confirmed; a change does not change it.';

comment on column reservations.seat_ids is
'In the order of the seat map, as are the labels, numbers and prices; reservation_changes has what they were before a change.';
comment on view reservation_seats is
'The seats of a reservation, a row each, from the arrays in its row; a cancelled or expired one has those that it had last.';

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0024;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0024();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on reservation_changes from reservation_app;
        grant select, insert, delete on reservation_changes to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on reservation_changes to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
