/* audit/sales_of_cancelled_showtimes
Finds live holds, confirmed reservations and sold seats of cancelled showtimes.
Plan: showtimes joined to reservations, and to booked_seats.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/sales_of_cancelled_showtimes */
    found.subject,
    found.detail,
    count(*) over () as found
from (
    select
        format('reservation %s', r.id) as subject,
        format('is %s, but showtime %s is cancelled', r.status, r.showtime_id) as detail
    from reservations as r
    inner join showtimes as st on r.showtime_id = st.id
    where
        st.status = 'cancelled'
        and (r.status = 'confirmed' or (r.status = 'held' and r.expires_at > now()))
    union all
    select
        format('reservation %s', b.reservation_id) as subject,
        format('owns seat %s of showtime %s, which is cancelled', b.seat_id, b.showtime_id) as detail
    from booked_seats as b
    inner join showtimes as st on b.showtime_id = st.id
    where st.status = 'cancelled' and b.reservation_id is not null
) as found
order by found.subject, found.detail
limit $1;
