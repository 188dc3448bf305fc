/* mails/find_before_change
A reservation as it was before the change that an event tells, and what that change refunds: its transaction writes the refund
after the change. No row: the event is not kept any more.
Plan: index scans on events_pkey, reservation_changes_pkey, payments_reservation_id_number_key,
refunds_payment_id_idx, showtimes_pkey, movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 bigint event_id: the event, reservation.changed
Sample: select max(id) from events where type = 'reservation.changed'
*/
select /* mails/find_before_change */
    was.row_labels,
    was.seat_numbers,
    was.prices,
    array(
        select t.name
        from unnest(was.ticket_type_ids) with ordinality as own (id, place)
        inner join ticket_types as t on own.id = t.id
        order by own.place
    ) as ticket_types,
    was.total_price,
    (
        select sum(f.amount)
        from payments as p
        inner join refunds as f on p.id = f.payment_id
        where
            p.reservation_id = e.reservation_id
            and f.reason in ('seats_cancelled', 'exchanged')
            and f.created_at >= was.changed_at
            and f.created_at < coalesce((
                select min(later.changed_at)
                from reservation_changes as later
                where later.reservation_id = e.reservation_id and later.id > was.id
            ), 'infinity')
    ) as refund,
    st.starts_at,
    st.ends_at,
    st.status = 'cancelled' as is_cancelled,
    st.cancel_reason,
    st.format,
    m.title as movie,
    a.name as auditorium,
    c.name as cinema,
    c.address as cinema_address,
    c.timezone
from events as e
cross join
    lateral (
        select
            change.id,
            change.changed_at,
            change.showtime_id,
            change.row_labels,
            change.seat_numbers,
            change.prices,
            change.ticket_type_ids,
            change.total_price
        from reservation_changes as change
        where change.reservation_id = e.reservation_id and change.changed_at <= e.created_at
        order by change.id desc
        limit 1
    ) as was
inner join showtimes as st on was.showtime_id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
inner join cinemas as c on a.cinema_id = c.id
where e.id = $1;
