-- The coming showtimes with most sold seats, where holds and confirms compete and seat maps are rendered most often.
select
    st.id as showtime_id,
    m.title as movie,
    st.starts_at,
    sold.seats as sold,
    room.seats as of_seats,
    live.holds as live_holds
from showtimes as st
inner join movies as m on st.movie_id = m.id
cross join
    lateral (
        select count(*) as seats from booked_seats as b
        where b.showtime_id = st.id and b.reservation_id is not null
    ) as sold
cross join
    lateral (
        select count(*) as seats from seats as s
        where s.auditorium_id = st.auditorium_id and s.retired_at is null
    ) as room
cross join
    lateral (
        select count(*) as holds from reservations as r
        where r.showtime_id = st.id and r.status = 'held' and r.expires_at > now()
    ) as live
where st.starts_at between now() and now() + interval '7 days'
order by sold desc, live_holds desc, st.id
limit 20;
