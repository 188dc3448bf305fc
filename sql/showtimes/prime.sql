/* showtimes/prime
Reads what the keys of showtimes in Redis are rebuilt from: for each a version higher than any counter can have reached,
and the live holds. No row: no such showtime. Of two rows that hold one seat, of which at most one was answered, the later
end comes first, and Redis keeps the first.
Plan: index scans on showtimes_pkey and reservations_showtime_id_expires_at_idx.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at, id limit 16) as st
*/
select /* showtimes/prime */
    st.id as showtime_id,
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as version,
    coalesce(array_agg(seat.id order by seat.id asc, r.expires_at desc) filter (where seat.id is not null), '{}') as seat_ids,
    coalesce(array_agg(r.id order by seat.id asc, r.expires_at desc) filter (where seat.id is not null), '{}') as reservation_ids,
    coalesce(
        array_agg((extract(epoch from r.expires_at - now()) * 1000)::bigint order by seat.id asc, r.expires_at desc)
        filter (where seat.id is not null),
        '{}'
    ) as ttls_ms
from showtimes as st
left join reservations as r on st.id = r.showtime_id and r.status = 'held' and r.expires_at > now()
left join lateral unnest(r.seat_ids) as seat (id) on true
where st.id = any($1)
group by st.id;
