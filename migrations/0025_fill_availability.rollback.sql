-- transactional: false
-- What it filled stays: 0024's triggers go on keeping it.
set lock_timeout = '5s';

drop index concurrently if exists showtimes_price_from_idx;
