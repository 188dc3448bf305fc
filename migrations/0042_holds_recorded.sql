-- The change log also records holds that staff make for customers (0033 records updates only). The version that is running
-- makes no hold in a transaction that has set `reservation.action`, so it records none. For customers' holds the trigger's
-- WHEN is all that is evaluated.
-- Longest lock: share row exclusive on reservations, for which its writers wait: less than 2 ms.

set local lock_timeout = '5s';

create trigger reservations_hold_recorded
after insert on reservations
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
