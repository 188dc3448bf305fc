/* blocks/find_taken
Returns those of some seats of a showtime that are booked, blocked, or in a live hold, and which. The caller has locked the
showtime FOR UPDATE. A hold counts for a second longer, since an extension of it may be under way, which does not lock the
showtime.
Plan: for each seat an index scan on booked_seats_showtime_id_seat_id_key, and an index scan on
reservations_showtime_id_expires_at_idx from now on.
$1 bigint showtime_id: the showtime
$2 bigint[] seat_ids: the seats
Sample: select st.id, array(select s.id from seats as s where s.auditorium_id = st.auditorium_id order by s.id limit 4)
from (select) as one left join (select id, auditorium_id from showtimes where starts_at > now() order by starts_at, id limit
1) as st on true
*/
with /* blocks/find_taken */ held as materialized (
    select unnest(r.seat_ids) as seat_id
    from reservations as r
    where r.showtime_id = $1 and r.expires_at > now() - interval '1 second' and r.status = 'held'
),

asked as materialized (
    select
        seat.id as seat_id,
        (
            select case when b.reservation_id is null then 'blocked' else 'booked' end
            from booked_seats as b
            where b.showtime_id = $1 and b.seat_id = seat.id
        ) as reason
    from unnest($2::bigint[]) as seat (id)
)

select
    a.seat_id,
    coalesce(a.reason, 'held') as reason
from asked as a
where a.reason is not null or a.seat_id = any(array(select held.seat_id from held));
