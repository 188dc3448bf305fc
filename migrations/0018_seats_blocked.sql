-- transactional: false
-- Seats that the cinema keeps for itself: rows of booked_seats with a reason in place of a reservation, so that
-- booked_seats_showtime_id_seat_id_key decides between them, holds and confirms. The version that is running sees a blocked
-- seat as booked, and inserts rows with a reservation and without a reason. Readers tell them apart by reservation_id; maps
-- find them by an index that has nothing else.
-- The longest lock is access exclusive on booked_seats for the change of its catalogue entries (1 ms with 1.8 million rows). The
-- validation reads the table beside reads and writes, and so does the index (0.3 s in all).

set lock_timeout = '5s';

alter table booked_seats
add column if not exists block_reason text,
-- squawk-ignore ban-drop-not-null
alter column reservation_id drop not null,
-- What an interrupted attempt may have left.
-- squawk-ignore ban-drop-constraint
drop constraint if exists booked_seats_owner_check,
add constraint booked_seats_owner_check check (
    (reservation_id is null) <> (block_reason is null)
    and char_length(block_reason) between 1 and 200
) not valid;

comment on table booked_seats is
'Who owns which seat of which showtime: one row a seat that is sold, inserted by the confirm, or blocked by the cinema.';
comment on column booked_seats.reservation_id is 'The reservation that owns the seat; null: it is blocked.';
comment on column booked_seats.block_reason is 'Why the cinema keeps the seat for itself; null: it is sold.';

-- Each statement is a transaction of its own.
-- squawk-ignore constraint-missing-not-valid
alter table booked_seats validate constraint booked_seats_owner_check;

drop index concurrently if exists booked_seats_blocked_idx;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists booked_seats_blocked_idx on booked_seats (showtime_id, seat_id) where reservation_id is null;
