/* availability/count_taken
Counts the seats of showtimes that are sold, blocked or in live holds, and when the first of the holds expires. A showtime of
which no seat was ever taken gets no row. Of two counts at once the one that began later stays; what was committed before a
count began is in it. It waits for no showtime, and for no hold.
Plan: for each showtime an index only scan on booked_seats_showtime_id_seat_id_key, and an index scan on
reservations_showtime_id_expires_at_idx from now on; then the inserts, in the order of the ids.
$1 bigint[] showtime_ids: which, each once
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at, id limit 16) as st
*/
insert /* availability/count_taken */ into showtime_availability as av (showtime_id, taken, counted_at, recount_at)
select
    asked.id,
    booked.seats + held.seats as taken,
    now() as counted_at,
    held.first_end
from unnest($1::bigint[]) as asked (id)
cross join
    lateral ( -- noqa: ST05
        select count(*) as seats
        from booked_seats as b
        where b.showtime_id = asked.id
    ) as booked
cross join
    lateral ( -- noqa: ST05
        select
            coalesce(sum(cardinality(r.seat_ids)), 0) as seats,
            min(r.expires_at) as first_end
        from reservations as r
        where r.showtime_id = asked.id and r.expires_at > now() and r.status = 'held'
    ) as held
where
    booked.seats + held.seats > 0
    or exists (
        select 1
        from showtime_availability as counted
        where counted.showtime_id = asked.id
    )
order by asked.id
on conflict (showtime_id) do update
    set
        taken = excluded.taken,
        counted_at = excluded.counted_at,
        recount_at = excluded.recount_at
    where av.counted_at <= excluded.counted_at;
