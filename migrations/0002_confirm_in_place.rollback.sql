-- transactional: false
set lock_timeout = '5s';

alter table reservations reset (fillfactor);

-- What an interrupted attempt may have left is not valid.
drop index concurrently if exists reservations_showtime_id_idx;

create index concurrently if not exists reservations_showtime_id_idx on reservations (showtime_id);

drop index concurrently if exists reservations_held_idx;

create index concurrently if not exists reservations_held_idx on reservations (showtime_id, expires_at)
where status = 'held';

drop index concurrently if exists reservations_showtime_id_expires_at_idx;
