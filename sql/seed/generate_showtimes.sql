/* seed/generate_showtimes
Inserts showtimes into generated rooms, spread evenly over the rooms and over the days around today, nearest days first:
five a day, at 10:00, 13:00, ... 22:00 UTC. A slot is three hours and the films are shorter, so none overlap.
Plan: function scan joined to the rooms, a primary key lookup of the film for each, then the inserts.
$1 bigint[] auditorium_ids: the rooms
$2 bigint[] movie_ids: films that fit into a slot, trailers included
$3 integer showtimes: how many in all rooms together
Sample: select array_agg(a.id), (select array_agg(m.id) from movies as m where m.duration_minutes <= 165),
count(*)::integer * 10 from auditoriums as a where not exists (select from showtimes as st where st.auditorium_id =
a.id)
*/
with /* seed/generate_showtimes */ plan as (
    select
        ($1::bigint[])[k.number % cardinality($1) + 1] as auditorium_id,
        ($2::bigint[])[k.number % cardinality($2) + 1] as movie_id,
        k.number / cardinality($1) / 2 % 5 as slot,
        -- Even places lie ahead, odd ones behind: +1, -1, then +2, -2, ...
        (k.number / cardinality($1) / 10 + 1) * (1 - k.number / cardinality($1) % 2 * 2) as day
    from generate_series(0, $3::integer - 1) as k (number)
),

timed as (
    select
        auditorium_id,
        movie_id,
        slot,
        ((now() at time zone 'UTC')::date + day + time '10:00' + slot * interval '3 hours') at time zone 'UTC' as starts_at
    from plan
)

insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select
    t.movie_id,
    t.auditorium_id,
    t.starts_at,
    t.starts_at + (m.duration_minutes + 15) * interval '1 minute' as ends_at,
    t.starts_at + (m.duration_minutes + 15) * interval '1 minute' as free_at,
    (array[8.00, 10.00, 10.00, 12.50, 12.50])[t.slot + 1] as base_price
from timed as t
inner join movies as m on t.movie_id = m.id
order by t.auditorium_id, t.starts_at;
