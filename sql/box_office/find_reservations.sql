/* box_office/find_reservations
Reservations with their seats, showtimes and customers, archived ones included, in no order; for the box office. One that is
being moved into the archive is in one of the two tables.
Plan: nested loops from the ids to reservations_pkey and archived_reservations_pkey, then users_pkey, showtimes_pkey,
movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 uuid[] reservation_ids: which, each once
Sample: select array(select id from reservations order by id desc limit 50)
*/
with /* box_office/find_reservations */ found as materialized (
    select
        r.id,
        r.code,
        r.user_id,
        r.showtime_id,
        case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status,
        r.total_price,
        r.created_at,
        r.expires_at,
        r.confirmed_at,
        r.cancelled_at,
        r.cancelled_by,
        r.cancel_reason,
        r.reference,
        r.metadata,
        r.late,
        r.seat_ids,
        r.row_labels,
        r.seat_numbers,
        r.prices,
        r.ticket_type_ids
    from unnest($1::uuid[]) as asked (id)
    inner join reservations as r on asked.id = r.id
    union all
    select
        a.id,
        a.code,
        a.user_id,
        a.showtime_id,
        a.status,
        a.total_price,
        a.created_at,
        a.expires_at,
        a.confirmed_at,
        a.cancelled_at,
        a.cancelled_by,
        a.cancel_reason,
        a.reference,
        a.metadata,
        a.late,
        a.seat_ids,
        a.row_labels,
        a.seat_numbers,
        a.prices,
        a.ticket_type_ids
    from unnest($1::uuid[]) as asked (id)
    inner join archived_reservations as a on asked.id = a.id
)

select
    f.id,
    f.code,
    f.showtime_id,
    f.status,
    f.total_price::text as total_price,
    f.created_at,
    f.expires_at,
    f.confirmed_at,
    f.cancelled_at,
    f.cancelled_by,
    f.cancel_reason,
    f.reference,
    f.metadata,
    f.late,
    f.seat_ids,
    f.row_labels,
    f.seat_numbers,
    f.prices::text[] as prices,
    f.ticket_type_ids,
    array(
        select t.name
        from unnest(f.ticket_type_ids) with ordinality as own (id, place)
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
    rooms.name as auditorium_name,
    rooms.cinema_id,
    c.name as cinema_name,
    c.timezone as cinema_timezone,
    u.id as customer_id,
    u.name as customer_name,
    coalesce(u.email, u.guest_email) as customer_email
from found as f
inner join users as u on f.user_id = u.id
inner join showtimes as st on f.showtime_id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as rooms on st.auditorium_id = rooms.id
inner join cinemas as c on rooms.cinema_id = c.id;
