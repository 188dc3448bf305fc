set local lock_timeout = '5s';

drop trigger reservation_seats_copied on reservation_seats;
drop function copy_reservation_seats();
drop function write_seat_arrays(uuid[]);
alter table reservations
drop constraint reservations_seats_check,
drop column prices,
drop column seat_numbers,
drop column row_labels,
drop column seat_ids;
