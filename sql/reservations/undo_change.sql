/* reservations/undo_change
Gives a hold the seats back that it had before its last change, which is not answered, because another reservation holds one
of the new seats in Redis by now; and deletes the idempotency key that was stored with the change. A reservation that is no
longer held, or that was changed again, stays as it is, and then there is no row.
Between the change and now the hold stood in nobody's way at the showtime that it had. If that is cancelled by now, or one of
the seats is sold, blocked, removed, relabelled or of another room, the hold is cancelled. The result is its status.
Plan: index scans on reservations_pkey, reservation_changes_pkey, showtimes_pkey, seats_pkey,
booked_seats_showtime_id_seat_id_key and idempotency_keys_pkey.
$1 uuid reservation_id: locked by the caller, as the showtime before the change is, for key share
$2 bigint change_id: the change
$3 bigint key_user_id: whose idempotency key, or null
$4 text key: the idempotency key, or null
Sample: select (select reservation_id from reservation_changes order by reservation_id, id limit 1), 1::bigint, 1::bigint,
'sample'
*/
with /* reservations/undo_change */ was as materialized (
    select
        c.*,
        st.status = 'scheduled'
        and cardinality(c.seat_ids) = (
            select count(*)
            from unnest(c.seat_ids, c.row_labels, c.seat_numbers) as own (id, row_label, seat_number)
            inner join seats as s on own.id = s.id and own.row_label = s.row_label and own.seat_number = s.seat_number
            where
                s.retired_at is null
                and s.auditorium_id = st.auditorium_id
                and (
                    select b.seat_id
                    from booked_seats as b
                    where b.showtime_id = c.showtime_id and b.seat_id = own.id
                ) is null
        ) as is_free
    from reservation_changes as c
    inner join showtimes as st on c.showtime_id = st.id
    where c.reservation_id = $1 and c.id = $2
),

undone as (
    update reservations as r
    set
        status = case when c.is_free then 'held' else 'cancelled' end,
        cancelled_at = case when not c.is_free then now() end,
        showtime_id = c.showtime_id,
        total_price = c.total_price,
        seat_ids = c.seat_ids,
        row_labels = c.row_labels,
        seat_numbers = c.seat_numbers,
        prices = c.prices,
        ticket_type_ids = c.ticket_type_ids
    from was as c
    where
        r.id = $1
        and r.status = 'held'
        and c.reservation_id = r.id
        and $2 = (
            select max(newest.id)
            from reservation_changes as newest
            where newest.reservation_id = $1
        )
    returning
        r.id,
        r.status
),

unrecorded as (
    delete from reservation_changes as c
    using undone as u
    where c.reservation_id = u.id and c.id = $2
),

told as (
    insert into outbox (type, reservation_id)
    select
        case when status = 'held' then 'reservation.changed' else 'reservation.cancelled' end,
        id
    from undone
),

forgotten as (
    delete from idempotency_keys as k
    using undone as u
    where k.user_id = $3 and k.key = $4 and k.reservation_id = u.id
)

select status from undone;
