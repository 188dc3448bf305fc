/* showtimes/prime
Reads what a showtime's keys in Redis are rebuilt from: a version higher than any counter can have reached, and the live
holds. No row: no such showtime.
Plan: index scans on showtimes_pkey and reservations_showtime_id_expires_at_idx, then reservation_seats_pkey.
$1 bigint showtime_id: which
Sample: select (select id from showtimes where starts_at > now() order by starts_at limit 1)
*/
select /* showtimes/prime */
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as version,
    coalesce(array_agg(rs.seat_id order by rs.seat_id) filter (where rs.seat_id is not null), '{}') as seat_ids,
    coalesce(array_agg(r.id order by rs.seat_id) filter (where rs.seat_id is not null), '{}') as reservation_ids,
    coalesce(
        array_agg((extract(epoch from r.expires_at - now()) * 1000)::bigint order by rs.seat_id)
        filter (where rs.seat_id is not null),
        '{}'
    ) as ttls_ms
from showtimes as st
left join reservations as r on st.id = r.showtime_id and r.status = 'held' and r.expires_at > now()
left join reservation_seats as rs on r.id = rs.reservation_id
where st.id = $1
group by st.id;
