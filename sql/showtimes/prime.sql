/* showtimes/prime
What Redis is told about a showtime that it knows nothing of: a version that no counter can have reached, and the
holds that are still alive. One row even where there are no holds.
Plan: index scan on reservations_held_idx, then reservation_seats_pkey.
$1 bigint showtime_id: which
*/
select
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as version,
    coalesce(array_agg(rs.seat_id order by rs.seat_id) filter (where rs.seat_id is not null), '{}') as seat_ids,
    coalesce(array_agg(r.id order by rs.seat_id) filter (where rs.seat_id is not null), '{}') as reservation_ids,
    coalesce(
        array_agg((extract(epoch from r.expires_at - now()) * 1000)::bigint order by rs.seat_id)
        filter (where rs.seat_id is not null),
        '{}'
    ) as ttls_ms
from reservations as r
inner join reservation_seats as rs on r.id = rs.reservation_id
where r.showtime_id = $1 and r.status = 'held' and r.expires_at > now();
