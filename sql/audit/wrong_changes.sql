/* audit/wrong_changes
Finds recorded changes of reservations that contradict themselves or what came of them: the total before is not the sum of the
prices, the reservation is neither there nor in the archive, or what was cancelled in part was no part.
Plan: one pass over reservation_changes, hash joined to reservations and the archive.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/wrong_changes */ steps as (
    select
        c.id,
        c.reservation_id,
        c.change,
        c.total_price,
        c.prices,
        c.seat_ids as seats_before,
        coalesce(
            lead(c.seat_ids) over later,
            r.seat_ids,
            a.seat_ids
        ) as seats_after
    from reservation_changes as c
    left join reservations as r on c.reservation_id = r.id
    left join archived_reservations as a on c.reservation_id = a.id
    window later as (
        partition by c.reservation_id
        order by c.id
    )
),

judged as (
    select
        steps.id,
        steps.reservation_id,
        case
            when steps.seats_after is null then 'is of a reservation that does not exist'
            when steps.total_price <> sums.price
                then format('has a total of %s, but its seats cost %s', steps.total_price, sums.price)
            when steps.change = 'cancelled_seats' and not (
                steps.seats_after <@ steps.seats_before
                and cardinality(steps.seats_after) between 1 and cardinality(steps.seats_before) - 1
            ) then 'cancelled some seats, but left others than the rest'
            when steps.change = 'added_seats' and not steps.seats_before <@ steps.seats_after
                then 'added seats, but left out some that were there'
        end as detail
    from steps
    cross join
        lateral (
            select sum(seat.price) as price
            from unnest(steps.prices) as seat (price)
        ) as sums
)

select
    format('change %s of reservation %s', id, reservation_id) as subject,
    detail,
    count(*) over () as found
from judged
where detail is not null
order by reservation_id, id
limit $1;
