/* reservations/find_before_change
A reservation as it was at a moment, if its seats were changed since: its seats, total and showtime are from the first change
after that moment, all else is as it is now. No row: no change since.
Plan: index scans on reservation_changes_pkey, reservations_pkey, showtimes_pkey, movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 uuid reservation_id: which
$2 timestamptz at: the moment
Sample: select (select reservation_id from reservation_changes order by reservation_id, id limit 1), now() - interval '1 day'
*/
select /* reservations/find_before_change */
    r.id,
    r.code,
    was.showtime_id,
    case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status,
    was.total_price::text as total_price,
    r.created_at,
    r.expires_at,
    r.confirmed_at,
    r.cancelled_at,
    r.cancelled_by,
    r.reference,
    r.metadata,
    r.late,
    was.seat_ids,
    was.row_labels,
    was.seat_numbers,
    was.prices::text[] as prices,
    was.ticket_type_ids,
    array(
        select t.name
        from unnest(was.ticket_type_ids) with ordinality as own (id, place)
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
from (
    select *
    from reservation_changes
    where reservation_id = $1 and changed_at > $2
    order by id
    limit 1
) as was
inner join reservations as r on was.reservation_id = r.id
inner join showtimes as st on was.showtime_id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
inner join cinemas as c on a.cinema_id = c.id;
