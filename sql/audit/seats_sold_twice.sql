/* audit/seats_sold_twice
Finds seats of a showtime with more than one owner. booked_seats_showtime_id_seat_id_key excludes that, but a constraint
can be dropped, and an index can be corrupt.
Plan: one pass over booked_seats, in the order of that index or hashed.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/seats_sold_twice */ doubles as (
    select
        showtime_id,
        seat_id,
        count(*) as owners,
        string_agg(coalesce(reservation_id::text, 'none (blocked)'), ', ' order by reservation_id) as reservation_ids
    from booked_seats
    group by showtime_id, seat_id
    having count(*) > 1
)

select
    format('showtime %s, seat %s', showtime_id, seat_id) as subject,
    format('sold %s times: reservations %s', owners, reservation_ids) as detail,
    count(*) over () as found
from doubles
order by showtime_id, seat_id
limit $1;
