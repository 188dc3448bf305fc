/* audit/wrong_events
Finds reservations and their events, in the feed or still in the outbox, that contradict each other: one with the event of
its hold is confirmed, cancelled or marked as expired without an event of that; or it has an event of what it never was.
Reservations that were inserted by other means than holds have no events.
Plan: one pass over events and outbox, aggregated and hash joined to reservations and the archive.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/wrong_events */ told as (
    select
        each.reservation_id,
        array_agg(each.type) as types
    from (
        select
            reservation_id,
            type
        from events
        where data is null
        union all
        select
            reservation_id,
            type
        from outbox
        where data is null
    ) as each
    group by each.reservation_id
),

booked as (
    select
        t.reservation_id,
        t.types,
        coalesce(r.status, a.status) as status,
        coalesce(r.confirmed_at, a.confirmed_at) as confirmed_at
    from told as t
    left join reservations as r on t.reservation_id = r.id
    left join archived_reservations as a on t.reservation_id = a.id
),

judged as (
    select
        b.reservation_id,
        case
            when
                'reservation.held' = any(b.types)
                and b.status <> 'held'
                and 'reservation.' || b.status <> all(b.types)
                then format('is %s, but has no event reservation.%s', b.status, b.status)
            when 'reservation.confirmed' = any(b.types) and b.confirmed_at is null
                then format('has an event reservation.confirmed, but is %s and was never confirmed', b.status)
            when 'reservation.cancelled' = any(b.types) and b.status <> 'cancelled'
                then format('has an event reservation.cancelled, but is %s', b.status)
        end as detail
    from booked as b
    where b.status is not null
)

select
    format('reservation %s', reservation_id) as subject,
    detail,
    count(*) over () as found
from judged
where detail is not null
order by reservation_id
limit $1;
