/* tickets/find_ticket
A ticket by its code, for the door: its seat as it is labelled now, its ticket type and price, its showtime, and whether it is
good.
Plan: index scans on tickets_code_key, booked_seats_showtime_id_seat_id_key, reservations_pkey, archived_reservations_pkey,
seats_pkey, showtimes_pkey, movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 text code: which
Sample: select (select code from tickets order by showtime_id desc, seat_id desc limit 1)
*/
select /* tickets/find_ticket */
    t.id,
    t.code,
    t.reservation_id,
    t.cancelled_at,
    t.checked_in_at,
    (
        select b.seat_id
        from booked_seats as b
        where b.showtime_id = t.showtime_id and b.seat_id = t.seat_id and b.reservation_id = t.reservation_id
    ) is not null as is_booked,
    t.seat_id,
    s.row_label,
    s.seat_number,
    sold.price::text as price,
    type.id as ticket_type_id,
    type.name as ticket_type_name,
    t.showtime_id,
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
from tickets as t
inner join seats as s on t.seat_id = s.id
inner join showtimes as st on t.showtime_id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
inner join cinemas as c on a.cinema_id = c.id
left join lateral (
    select
        each.price,
        each.ticket_type_id
    from (
        select
            r.seat_ids,
            r.prices,
            r.ticket_type_ids
        from reservations as r
        where r.id = t.reservation_id
        union all
        select
            ar.seat_ids,
            ar.prices,
            ar.ticket_type_ids
        from archived_reservations as ar
        where ar.id = t.reservation_id
    ) as own
    cross join unnest(own.seat_ids, own.prices, own.ticket_type_ids) as each (seat_id, price, ticket_type_id)
    where each.seat_id = t.seat_id
) as sold on true
left join ticket_types as type on coalesce(sold.ticket_type_id, 1) = type.id
where t.code = $1;
