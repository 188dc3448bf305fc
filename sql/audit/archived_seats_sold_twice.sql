/* audit/archived_seats_sold_twice
Finds seats of a showtime that an archived reservation owned and another reservation, archived or not, owns too. The
archive has seats in arrays, so no constraint of it excludes that.
Plan: one pass over the archive and one over booked_seats, hashed by showtime and seat.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/archived_seats_sold_twice */ sold as (
    select
        a.showtime_id,
        unnest(a.seat_ids) as seat_id,
        a.id,
        true as archived
    from archived_reservations as a
    where a.status = 'confirmed'
    union all
    select
        b.showtime_id,
        b.seat_id,
        b.reservation_id,
        false as archived
    from booked_seats as b
    where b.reservation_id is not null
),

doubles as (
    select
        showtime_id,
        seat_id,
        count(*) as owners,
        string_agg(id::text, ', ' order by id) as reservation_ids
    from sold
    group by showtime_id, seat_id
    having count(*) > 1 and bool_or(archived)
)

select
    format('showtime %s, seat %s', showtime_id, seat_id) as subject,
    format('sold %s times: reservations %s', owners, reservation_ids) as detail,
    count(*) over () as found
from doubles
order by showtime_id, seat_id
limit $1;
