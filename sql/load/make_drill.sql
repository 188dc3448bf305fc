/* load/make_drill
Inserts a room with rows of 20 seats and one showtime in it tomorrow, for an on-sale drill. They are marked as a
drill's, so that `reservation load reset` finds them. The film is the first in the table; no row is returned if there is
none.
Plan: function scan, a primary key look-up of the film, then the inserts.
$1 integer seats: seats of the room
Sample: select 200
*/
with /* load/make_drill */ film as (
    select id from movies
    order by id
    limit 1
),

room as (
    insert into auditoriums (name, capacity, extra_metadata, cinema_id)
    select
        'Load drill' as name,
        $1::integer as capacity,
        '{"load_drill": true}' as extra_metadata,
        (select min(c.id) from cinemas as c) as cinema_id
    from film
    returning id
),

seated as (
    insert into seats (auditorium_id, row_label, seat_number)
    select
        room.id,
        case
            when seat.number / 20 < 26 then chr(65 + seat.number / 20)
            else chr(64 + seat.number / 520) || chr(65 + seat.number / 20 % 26)
        end as row_label,
        seat.number % 20 + 1 as seat_number
    from room
    cross join generate_series(0, $1::integer - 1) as seat (number)
    order by seat.number
)

insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select
    film.id as movie_id,
    room.id as auditorium_id,
    now() + interval '1 day' as starts_at,
    now() + interval '1 day 2 hours' as ends_at,
    now() + interval '1 day 2 hours' as free_at,
    10.00 as base_price
from film
cross join room
returning id;
