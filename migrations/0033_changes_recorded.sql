-- transactional: false
-- Each statement is a transaction of its own.
-- The triggers that write change_log: on all that administrators change, for transactions that have set
-- `reservation.action`. The version that is running does not set it. The migration may be run again from its beginning.
-- Longest lock: share row exclusive on one table at a time, for which its writers wait: less than 2 ms.

set lock_timeout = '5s';

create or replace trigger movies_recorded
after insert or update or delete on movies
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('movie', 'id', '', '', '');

create or replace trigger cinemas_recorded
after insert or update or delete on cinemas
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('cinema', 'id', '', '', '');

create or replace trigger auditoriums_recorded
after insert or update or delete on auditoriums
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('auditorium', 'id', '', '', 'plan_version seat_count lowest_modifier');

create or replace trigger seats_recorded
after insert or update or delete on seats
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('seat', 'id', '', '', '');

create or replace trigger showtimes_recorded
after insert or update or delete on showtimes
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('showtime', 'id', '', '', 'layout_version price_from free_at');

create or replace trigger ticket_types_recorded
after insert or update or delete on ticket_types
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('ticket-type', 'id', '', '', 'is_used');

create or replace trigger booked_seats_block_recorded
after insert on booked_seats
for each row
when (new.block_reason is not null and current_setting('reservation.action', true) <> '')
execute function record_change('showtime', 'showtime_id', '', 'showtime_id seat_id block_reason', '');

create or replace trigger booked_seats_unblock_recorded
after delete on booked_seats
for each row
when (old.block_reason is not null and current_setting('reservation.action', true) <> '')
execute function record_change('showtime', 'showtime_id', '', 'showtime_id seat_id block_reason', '');

-- Of people and keys only these columns: no name, no address, no hash, and none that a later migration adds.
create or replace trigger users_recorded
after insert or update or delete on users
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('user', 'id', 'id', 'id role created_at updated_at', '');

create or replace trigger api_keys_recorded
after insert or update or delete on api_keys
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change(
    'api-key',
    'id',
    'user_id',
    'id name user_id prefix scopes max_holds_per_user max_seats_per_user_per_showtime holds_per_minute created_by created_at '
    'expires_at revoked_at',
    ''
);

-- Not of inserts, which are holds. Without the client's reference and metadata.
create or replace trigger reservations_recorded
after update on reservations
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change(
    'reservation',
    'id',
    'user_id',
    'id user_id showtime_id status total_price expires_at confirmed_at cancelled_at cancelled_by cancel_reason late '
    'seat_ids row_labels seat_numbers prices ticket_type_ids',
    ''
);
