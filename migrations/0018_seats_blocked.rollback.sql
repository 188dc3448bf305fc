set local lock_timeout = '5s';

-- Blocked seats are on sale again.
delete from booked_seats
where reservation_id is null;
drop index booked_seats_blocked_idx;
alter table booked_seats
drop constraint booked_seats_owner_check,
drop column block_reason,
alter column reservation_id set not null;

comment on table booked_seats is 'Who owns which seat of which showtime: one row a sold seat, inserted by the confirm.';
comment on column booked_seats.reservation_id is null;
