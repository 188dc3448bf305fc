-- The seats of a reservation are in its row only, and reservation_seats is a view of them, for DBAs, reports and the
-- version before, which goes on beside the new one during a rolling restart: what it inserts into the view is written into
-- the rows of its reservations within the same statement, so no committed reservation lacks its seats.
-- booked_seats refers to showtimes only; `reservation audit` checks what the foreign key to reservation_seats did. Its index
-- on reservation_id served that key, and statements that now find the seats by the arrays; until the version before is
-- replaced, its cancel of a confirmed reservation reads all of booked_seats: 0.25 s with a million reservations.

set local lock_timeout = '5s';

-- Nothing is left since 0013, unless rows came in past 0012's trigger. Before the locks, since it reads the whole table.
do $$
begin
    perform write_seat_arrays(array(
        select r.id
        from reservations as r
        where r.seat_ids = '{}' and exists (select from reservation_seats as rs where rs.reservation_id = r.id)
    ));
end
$$;

-- All the locks of this migration, or none: while it waits for one, no statement waits for another that it has. It waits a
-- fifth of a second each time, which is less than PostgreSQL takes to look for a deadlock.
do $$
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..25 loop
        begin
            lock table reservations, reservation_seats, booked_seats, seats in access exclusive mode;
            perform set_config('lock_timeout', '5s', true);
            return;
        exception
            when lock_not_available then
                perform pg_sleep(0.05);
        end;
    end loop;
    raise lock_not_available using message = 'the tables of reservations are in use; run the migration again';
end
$$;

-- The view below takes the table's place within this transaction; clients do not call the functions.
-- squawk-ignore ban-drop-constraint
alter table booked_seats drop constraint booked_seats_reservation_id_seat_id_fkey;
-- squawk-ignore require-concurrent-index-deletion
drop index booked_seats_reservation_id_idx;
-- squawk-ignore ban-drop-table
drop table reservation_seats;
-- squawk-ignore ban-drop-function
drop function copy_reservation_seats();
-- squawk-ignore ban-drop-function
drop function write_seat_arrays(uuid[]);

create view reservation_seats as
select
    r.id as reservation_id,
    seat.seat_id,
    seat.price as price_at_booking
from reservations as r
cross join lateral unnest(r.seat_ids, r.prices) as seat (seat_id, price);

comment on view reservation_seats is
'The seats a reservation asked for, a row each, from the arrays in its row; kept as history whatever becomes of it.';
comment on column reservation_seats.price_at_booking is 'Price when the seats were held; later changes do not reach it.';

create function insert_reservation_seat()
returns trigger
language plpgsql
as $$
begin
    update reservations as r
    set (seat_ids, row_labels, seat_numbers, prices) = (
        select
            array_agg(seat.id order by char_length(seat.label), seat.label, seat.number),
            array_agg(seat.label order by char_length(seat.label), seat.label, seat.number),
            array_agg(seat.number order by char_length(seat.label), seat.label, seat.number),
            array_agg(seat.price order by char_length(seat.label), seat.label, seat.number)
        from (
            select held.id, held.label, held.number, held.price
            from unnest(r.seat_ids, r.row_labels, r.seat_numbers, r.prices) as held (id, label, number, price)
            union all
            select s.id, s.row_label, s.seat_number, new.price_at_booking
            from seats as s
            where s.id = new.seat_id
        ) as seat
    )
    where
        r.id = new.reservation_id
        and new.seat_id <> all(r.seat_ids)
        and exists (select from seats as s where s.id = new.seat_id and s.retired_at is null);
    if not found then
        -- Retired meanwhile, for example: the version before answers 503, and the client repeats the request.
        raise serialization_failure using
            message = format('seat %s cannot be added to reservation %s', new.seat_id, new.reservation_id);
    end if;
    return new;
end
$$;

comment on function insert_reservation_seat is 'Writes a seat that is inserted into the view into its reservation''s row.';

create trigger reservation_seats_inserted instead of insert on reservation_seats
for each row execute function insert_reservation_seat();

do $$
begin
    -- What the default privileges of 0007 say of new tables and views is too much.
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on reservation_seats from reservation_app;
    end if;
end
$$;

call grant_reservation_roles();
