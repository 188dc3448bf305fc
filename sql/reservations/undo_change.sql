/* reservations/undo_change
Gives a hold the seats back that it had before its last change, which is not answered, because another reservation holds one
of the new seats in Redis by now; and deletes the idempotency key that was stored with the change. A reservation that is no
longer held, or that was changed again, stays as it is, and then there is no row.
Plan: index scans on reservations_pkey, reservation_changes_pkey and idempotency_keys_pkey.
$1 uuid reservation_id: locked by the caller
$2 bigint change_id: the change
$3 bigint key_user_id: whose idempotency key, or null
$4 text key: the idempotency key, or null
Sample: select (select reservation_id from reservation_changes limit 1), 1::bigint, 1::bigint, 'sample'
*/
with /* reservations/undo_change */ undone as (
    update reservations as r
    set
        showtime_id = c.showtime_id,
        total_price = c.total_price,
        seat_ids = c.seat_ids,
        row_labels = c.row_labels,
        seat_numbers = c.seat_numbers,
        prices = c.prices,
        ticket_type_ids = c.ticket_type_ids
    from reservation_changes as c
    where
        r.id = $1
        and r.status = 'held'
        and c.reservation_id = r.id
        and c.id = $2
        and $2 = (
            select max(newest.id)
            from reservation_changes as newest
            where newest.reservation_id = $1
        )
    returning r.id
),

unrecorded as (
    delete from reservation_changes as c
    using undone as u
    where c.reservation_id = u.id and c.id = $2
),

forgotten as (
    delete from idempotency_keys as k
    using undone as u
    where k.user_id = $3 and k.key = $4 and k.reservation_id = u.id
)

select id from undone;
