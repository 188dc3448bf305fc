/* reservations/undo_hold
Cancels a hold that is not answered, because another reservation holds one of its seats in Redis by now, and deletes the
idempotency key that was stored with it, so that a repeated request is decided anew. A hold that is no longer live, or was
confirmed, stays as it is, and then there is no row.
Plan: index scans on reservations_pkey and idempotency_keys_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 text key: the idempotency key, or null
$4 bigint key_user_id: whose key it is, staff's or the customer's; null without a key
$5 bigint showtime_id: of which showtime
Sample: select r.id, r.user_id, 'sample', r.user_id, r.showtime_id from (select) as one left join (select * from reservations where
status = 'held' order by id desc limit 1) as r on true
*/
with /* reservations/undo_hold */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
),

undone as (
    update reservations as r
    set
        status = 'cancelled',
        cancelled_at = now()
    where
        r.id = $1
        and r.user_id = $2
        and r.showtime_id is not distinct from $5
        and r.status = 'held'
        and (select ll.lock_timeout from lock_limit as ll) is not null
    returning r.id
),

told as (
    insert into outbox (type, reservation_id)
    select
        'reservation.cancelled',
        id
    from undone
),

forgotten as (
    delete from idempotency_keys as k
    using undone as u
    where k.user_id = $4 and k.key = $3 and k.reservation_id = u.id
)

select id from undone;
