/* seats/is_in_use
Whether a seat is booked, or part of a live hold, for one of some showtimes. The caller has locked them.
Plan: for each showtime an index only scan on booked_seats_showtime_id_seat_id_key, and an index scan on
reservations_showtime_id_expires_at_idx from now on.
$1 bigint seat_id: the seat
$2 bigint[] showtime_ids: the showtimes
Sample: select (select min(id) from seats), array_agg(id) from (select id from showtimes where starts_at > now() order by
starts_at limit 16) as st
*/
select /* seats/is_in_use */ exists(
    select 1
    from unnest($2::bigint[]) as st (id)
    where
        exists (
            select 1
            from booked_seats as b
            where b.showtime_id = st.id and b.seat_id = $1
        )
        or exists (
            select 1
            from reservations as r
            where r.showtime_id = st.id and r.expires_at > now() and r.status = 'held' and $1 = any(r.seat_ids)
        )
) as in_use;
