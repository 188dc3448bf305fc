/* reservations/find_reservation
One of a user's own reservations with its seats, their ticket types, and its showtime; a hold past its time reads expired, by this clock.
Plan: index scans on reservations_pkey, showtimes_pkey, movies_pkey, auditoriums_pkey and
cinemas_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 bigint showtime_id: of which showtime
Sample: select r.id, r.user_id, r.showtime_id from (select) as one left join (select * from reservations order by id desc
limit 1) as r on true
*/
select /* reservations/find_reservation */
    r.id,
    r.code,
    r.showtime_id,
    case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status,
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
from reservations as r
inner join showtimes as st on r.showtime_id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
inner join cinemas as c on a.cinema_id = c.id
where r.id = $1 and r.user_id = $2 and r.showtime_id is not distinct from $3;
