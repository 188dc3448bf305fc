set local lock_timeout = '5s';

-- It fails where another seat was added in the place of a retired one.
drop trigger seats_deletion_refused on seats;
drop function refuse_seat_deletion();
drop index seats_position_key;
create unique index seats_position_key on seats (auditorium_id, char_length(row_label), row_label, seat_number);
