set local lock_timeout = '5s';

-- Nothing is lost: what was archived goes back. It fails where a seat of an archived reservation was deleted meanwhile.
-- Locked first, for who writes only: what an archive at work committed between these copies and the drop would be gone.
lock table archived_reservations in share row exclusive mode;

insert into reservations (
    id, user_id, showtime_id, status, total_price, created_at, expires_at, first_expires_at, confirmed_at, cancelled_at
)
select
    id,
    user_id,
    showtime_id,
    status,
    total_price,
    created_at,
    expires_at,
    first_expires_at,
    confirmed_at,
    cancelled_at
from archived_reservations;

insert into reservation_seats (reservation_id, seat_id, price_at_booking)
select
    a.id,
    seat.seat_id,
    seat.price
from archived_reservations as a
cross join lateral unnest(a.seat_ids, a.prices) as seat (seat_id, price);

insert into booked_seats (showtime_id, seat_id, reservation_id)
select
    a.showtime_id,
    seat.seat_id,
    a.id
from archived_reservations as a
cross join lateral unnest(a.seat_ids) as seat (seat_id)
where a.status = 'confirmed';

drop table archived_reservations;

alter table idempotency_keys reset (
    autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_threshold,
    autovacuum_vacuum_insert_threshold,
    autovacuum_analyze_scale_factor
);
alter table booked_seats reset (
    autovacuum_vacuum_insert_scale_factor,
    autovacuum_vacuum_insert_threshold,
    autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_threshold,
    autovacuum_freeze_min_age,
    autovacuum_analyze_scale_factor
);
alter table reservation_seats reset (
    autovacuum_vacuum_insert_scale_factor,
    autovacuum_vacuum_insert_threshold,
    autovacuum_freeze_min_age,
    autovacuum_analyze_scale_factor,
    autovacuum_vacuum_scale_factor
);
alter table reservations reset (
    autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_threshold,
    autovacuum_vacuum_insert_scale_factor,
    autovacuum_vacuum_insert_threshold,
    autovacuum_analyze_scale_factor,
    autovacuum_analyze_threshold
);
alter table login_sessions reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);

create index login_sessions_expires_at_idx on login_sessions (expires_at);
create index movies_lower_genre_idx on movies (lower(genre), id);
