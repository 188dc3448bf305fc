/* load/delete_drills
Deletes the rooms and showtimes that drills have made, unless they have reservations. Seats are deleted with their room
by cascade.
Plan: one pass over auditoriums, which are few, then deletes by showtimes_auditorium_id_idx and auditoriums_pkey.
*/
with /* load/delete_drills */ unused as (
    select a.id
    from auditoriums as a
    where
        a.extra_metadata @> '{"load_drill": true}'
        and not exists (
            select 1 from reservations as r
            inner join showtimes as st on r.showtime_id = st.id
            where st.auditorium_id = a.id
        )
        and not exists (
            select 1 from archived_reservations as ar
            inner join showtimes as st on ar.showtime_id = st.id
            where st.auditorium_id = a.id
        )
),

ended as (
    delete from showtimes as st
    using unused
    where st.auditorium_id = unused.id
)

delete from auditoriums as a
using unused
where a.id = unused.id
returning a.id;
