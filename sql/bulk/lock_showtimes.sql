/* bulk/lock_showtimes
Locks showtimes that may be replaced against other administrators, and answers those that there are as they stand. The
lock is the one that the update takes anyway, so holds and confirms, which need the key only, go on. In the order of
their ids, so that two imports wait for each other in one direction only; the caller has locked the rooms.
Plan: index scans on the three primary keys.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at limit 16) as st
*/
select /* bulk/lock_showtimes */
    st.id,
    st.movie_id,
    m.title as movie_title,
    st.auditorium_id,
    a.name as auditorium_name,
    st.starts_at,
    st.ends_at,
    st.base_price,
    st.created_at,
    st.updated_at
from showtimes as st
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
where st.id = any($1)
order by st.id
for no key update of st;
