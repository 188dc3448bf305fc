/* events/list_events
A page of the feed of events, the oldest first. A reservation is told with the status, the seats and the prices that it had
at the event: those of its next change, if there was one later, else those of now. What its client gave it, and its times,
are as they are now.
Plan: index scan on events_pkey, stopped by the limit; for each event index scans on reservations_pkey,
archived_reservations_pkey, reservation_changes_pkey, showtimes_pkey, movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 bigint after_id: the last event of the page before
$2 bigint last_id: the last event that is wanted
$3 bigint row_limit: most rows to answer
Sample: select 0::bigint, 9223372036854775807::bigint, 51::bigint
*/
select /* events/list_events */
    e.id as position,
    e.event_id,
    e.type,
    e.created_at as happened_at,
    e.data,
    r.id,
    r.code,
    st.id as showtime_id,
    case
        when e.type <> 'reservation.changed' then split_part(e.type, '.', 2)
        when later.status is not null then later.status
        when r.confirmed_at <= e.created_at then 'confirmed'
        else 'held'
    end as status,
    coalesce(later.total_price, r.total_price)::text as total_price,
    r.created_at,
    r.expires_at,
    case when r.confirmed_at <= e.created_at then r.confirmed_at end as confirmed_at,
    case when e.type = 'reservation.cancelled' then r.cancelled_at end as cancelled_at,
    case when e.type = 'reservation.cancelled' then r.cancelled_by end as cancelled_by,
    r.reference,
    r.metadata,
    r.late and coalesce(r.confirmed_at <= e.created_at, false) as late,
    coalesce(later.seat_ids, r.seat_ids) as seat_ids,
    coalesce(later.row_labels, r.row_labels) as row_labels,
    coalesce(later.seat_numbers, r.seat_numbers) as seat_numbers,
    coalesce(later.prices, r.prices)::text[] as prices,
    coalesce(later.ticket_type_ids, r.ticket_type_ids) as ticket_type_ids,
    array(
        select t.name
        from unnest(coalesce(later.ticket_type_ids, r.ticket_type_ids)) with ordinality as own (id, place)
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
    c.timezone as cinema_timezone,
    before.change,
    before.showtime_id as showtime_id_before,
    before.seat_ids as seat_ids_before,
    before.total_price::text as total_price_before
from events as e
left join lateral (
    select
        own.id,
        own.code,
        own.showtime_id,
        own.total_price,
        own.created_at,
        own.expires_at,
        own.confirmed_at,
        own.cancelled_at,
        own.cancelled_by,
        own.reference,
        own.metadata,
        own.late,
        own.seat_ids,
        own.row_labels,
        own.seat_numbers,
        own.prices,
        own.ticket_type_ids
    from reservations as own
    where own.id = e.reservation_id
    union all
    select
        own.id,
        own.code,
        own.showtime_id,
        own.total_price,
        own.created_at,
        own.expires_at,
        own.confirmed_at,
        own.cancelled_at,
        own.cancelled_by,
        own.reference,
        own.metadata,
        own.late,
        own.seat_ids,
        own.row_labels,
        own.seat_numbers,
        own.prices,
        own.ticket_type_ids
    from archived_reservations as own
    where own.id = e.reservation_id
) as r on e.data is null
left join lateral (
    select
        change.status,
        change.showtime_id,
        change.total_price,
        change.seat_ids,
        change.row_labels,
        change.seat_numbers,
        change.prices,
        change.ticket_type_ids
    from reservation_changes as change
    where change.reservation_id = r.id and change.changed_at > e.created_at
    order by change.id
    limit 1
) as later on true
left join lateral (
    select
        change.change,
        change.showtime_id,
        change.seat_ids,
        change.total_price
    from reservation_changes as change
    where e.type = 'reservation.changed' and change.reservation_id = r.id and change.changed_at <= e.created_at
    order by change.id desc
    limit 1
) as before on true
left join showtimes as st on coalesce(later.showtime_id, r.showtime_id) = st.id
left join movies as m on st.movie_id = m.id
left join auditoriums as a on st.auditorium_id = a.id
left join cinemas as c on a.cinema_id = c.id
where e.id > $1 and e.id <= $2
order by e.id
limit $3;
