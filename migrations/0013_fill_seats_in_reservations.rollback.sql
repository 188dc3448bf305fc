-- transactional: false
-- The arrays stay filled: reservation_seats has the same rows, and 0012's trigger goes on writing both.
set lock_timeout = '5s';

alter table reservations drop constraint if exists reservations_seats_check;

alter table reservations add constraint reservations_seats_check check (
    cardinality(row_labels) = cardinality(seat_ids)
    and cardinality(seat_numbers) = cardinality(seat_ids)
    and cardinality(prices) = cardinality(seat_ids)
) not valid;
