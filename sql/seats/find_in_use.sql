/* seats/find_in_use
Returns those of some seats that are booked, or part of a live hold, for one of some showtimes, in the order of the seat
map. The caller has locked the showtimes.
Plan: for each showtime an index only scan on booked_seats_showtime_id_seat_id_key, and an index scan on
reservations_showtime_id_expires_at_idx from now on; then index scans on seats_pkey.
$1 bigint[] seat_ids: the seats
$2 bigint[] showtime_ids: the showtimes
Sample: select (select array_agg(id) from (select id from seats order by id limit 4) as s), array_agg(id) from (select id
from showtimes where starts_at > now() order by starts_at, id limit 16) as st
*/
with /* seats/find_in_use */ in_use as materialized (
    select distinct seat.id
    from unnest($2::bigint[]) as st (id)
    -- For each showtime; the linter takes the subquery for one that could be a CTE.
    cross join
        lateral ( -- noqa: ST05
            select b.seat_id as id
            from booked_seats as b
            where b.showtime_id = st.id
            union all
            select unnest(r.seat_ids) as id
            from reservations as r
            where r.showtime_id = st.id and r.expires_at > now() and r.status = 'held'
        ) as seat
    where seat.id = any($1)
)

select
    s.id,
    s.row_label,
    s.seat_number
from seats as s
where s.id = any(array(select in_use.id from in_use))
order by char_length(s.row_label), s.row_label, s.seat_number;
