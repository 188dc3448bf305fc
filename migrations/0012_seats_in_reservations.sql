-- The seats of a reservation go into its row, as arrays in the order of the seat map: a hold then writes one row. This adds
-- the columns, and a trigger that fills them when a row is inserted into reservation_seats, as workers of the version
-- before still do during a rolling restart. 0013 fills them for what was there before; 0014 makes reservation_seats a view of them.
-- A column with a constant default is added without a rewrite of the table.

set local lock_timeout = '5s';

alter table reservations
add column seat_ids bigint[] not null default '{}',
add column row_labels text[] not null default '{}',
add column seat_numbers integer[] not null default '{}',
add column prices numeric(12, 2)[] not null default '{}',
-- 0013 validates it. PostgreSQL prepares each check anew in every statement that writes a row, so it is a short one:
-- `reservation audit` finds the rest, such as negative prices.
add constraint reservations_seats_check check (
    cardinality(row_labels) = cardinality(seat_ids)
    and cardinality(seat_numbers) = cardinality(seat_ids)
    and cardinality(prices) = cardinality(seat_ids)
) not valid;

comment on column reservations.seat_ids is
'In the order of the seat map, as are the labels, numbers and prices; never changed, and kept as history.';
comment on column reservations.row_labels is 'Labels of the seats'' rows when they were held.';
comment on column reservations.seat_numbers is 'Numbers of the seats in their rows when they were held.';
comment on column reservations.prices is 'Prices of the seats when they were held; later changes do not reach them.';

create function write_seat_arrays(reservation_ids uuid[])
returns void
language sql
as $$
    update reservations as r
    set
        seat_ids = held.seat_ids,
        row_labels = held.row_labels,
        seat_numbers = held.seat_numbers,
        prices = held.prices
    from (
        select
            rs.reservation_id,
            array_agg(rs.seat_id order by char_length(s.row_label), s.row_label, s.seat_number) as seat_ids,
            array_agg(s.row_label order by char_length(s.row_label), s.row_label, s.seat_number) as row_labels,
            array_agg(s.seat_number order by char_length(s.row_label), s.row_label, s.seat_number) as seat_numbers,
            array_agg(rs.price_at_booking order by char_length(s.row_label), s.row_label, s.seat_number) as prices
        from reservation_seats as rs
        inner join seats as s on rs.seat_id = s.id
        where rs.reservation_id = any(reservation_ids)
        group by rs.reservation_id
    ) as held
    where r.id = held.reservation_id
$$;

comment on function write_seat_arrays is 'Writes the rows of reservation_seats into the rows of their reservations.';

create function copy_reservation_seats()
returns trigger
language plpgsql
as $$
begin
    perform write_seat_arrays(array(select distinct i.reservation_id from inserted as i));
    return null;
end
$$;

comment on function copy_reservation_seats is
'Writes the seats that the version before 0014 inserts into the rows of their reservations, too.';

-- It waits for the transactions that have inserted seats without it: 0013 sees those.
create trigger reservation_seats_copied after insert on reservation_seats
referencing new table as inserted
for each statement execute function copy_reservation_seats();
