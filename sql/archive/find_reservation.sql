/* archive/find_reservation
One of a user's own archived reservations. It is read after reservations/find_reservation found none: in this order, one that
is being moved is found in one of the two tables. `is not distinct from` keeps the planner from
archived_reservations_user_id_idx, by which it would read all archived reservations of the user.
Plan: index scans on archived_reservations_pkey, showtimes_pkey, movies_pkey, auditoriums_pkey and
cinemas_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 bigint showtime_id: of which showtime
Sample: select a.id, a.user_id, a.showtime_id from (select) as one left join (select * from archived_reservations order by
id limit 1) as a on true
*/
select /* archive/find_reservation */
    r.id,
    r.code,
    r.showtime_id,
    r.status,
    r.total_price::text as total_price,
    r.created_at,
    r.expires_at,
    r.confirmed_at,
    r.cancelled_at,
    r.cancelled_by,
    r.reference,
    r.metadata,
    r.late,
    r.seat_ids,
    r.row_labels,
    r.seat_numbers,
    r.prices::text[] as prices,
    r.ticket_type_ids,
    array(
        select t.name
        from unnest(r.ticket_type_ids) with ordinality as own (id, place)
        inner join ticket_types as t on own.id = t.id
        order by own.place
    ) as ticket_type_names,
    (
        select t.name
        from ticket_types as t
        where t.id = 1
    ) as standard_name,
    st.starts_at,
    st.ends_at,
    st.status as showtime_status,
    st.movie_id,
    m.title as movie_title,
    st.auditorium_id,
    a.name as auditorium_name,
    a.cinema_id,
    c.name as cinema_name,
    c.timezone as cinema_timezone
from archived_reservations as r
inner join showtimes as st on r.showtime_id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
inner join cinemas as c on a.cinema_id = c.id
where r.id = $1 and r.user_id is not distinct from $2 and r.showtime_id is not distinct from $3;
