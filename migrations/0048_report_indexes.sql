-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts
-- Indexes by which reports find what was given back in a period, and what was confirmed late. What was confirmed in time is found
-- by the primary key, whose UUIDv7 tells when a hold was made. Not on confirmed_at, and with no predicate on it or on status:
-- then no confirm would be HOT, since PostgreSQL asks whether a column of any index changes, whichever rows the index has.
-- A hold has no entry in them. A BRIN index does not keep the update of a cancel from being HOT, from PostgreSQL 16 on; the rows
-- are in the order in which holds were made, so that those cancelled in a period lie near each other.
-- It may be stopped and run again from its beginning. Longest lock: share update exclusive while an index is built, which no
-- reader and no writer waits for; some 10 s each for ten million reservations.

set lock_timeout = '5s';

drop index concurrently if exists reservations_cancelled_at_idx;
create index concurrently reservations_cancelled_at_idx
on reservations using brin (cancelled_at) where cancelled_at is not null;

drop index concurrently if exists reservations_late_idx;
create index concurrently reservations_late_idx on reservations (expires_at) where late;

drop index concurrently if exists archived_reservations_cancelled_at_idx;
create index concurrently archived_reservations_cancelled_at_idx
on archived_reservations (cancelled_at) where cancelled_at is not null;

drop index concurrently if exists archived_reservations_late_idx;
create index concurrently archived_reservations_late_idx on archived_reservations (expires_at) where late;

drop index concurrently if exists reservation_changes_changed_at_idx;
create index concurrently reservation_changes_changed_at_idx on reservation_changes (changed_at) where status = 'confirmed';
