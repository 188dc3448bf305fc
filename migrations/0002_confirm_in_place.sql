-- transactional: false
-- A confirm changes the status of a reservation. While an index has the status in its condition, every confirm writes
-- a new entry into each of the table's indexes; without one, PostgreSQL rewrites the row in its page (a HOT update),
-- for which the pages leave some room. One index now finds a showtime's reservations and its live holds.

set lock_timeout = '5s';

-- What an interrupted attempt may have left, which is not valid.
drop index concurrently if exists reservations_showtime_id_expires_at_idx;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists reservations_showtime_id_expires_at_idx on reservations (showtime_id, expires_at);

drop index concurrently if exists reservations_held_idx;

drop index concurrently if exists reservations_showtime_id_idx;

alter table reservations set (fillfactor = 90);
