/* audit/wrong_changes
Finds recorded changes of reservations that contradict themselves or what came of them: the total before is not the sum of the
prices, the reservation is neither there nor in the archive, or what was cancelled in part was no part. Seats are compared by
row and number: with a showtime that gets another room, reservations get other ids and keep these.
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
        c.row_labels,
        c.seat_numbers,
        coalesce(lead(c.row_labels) over later, r.row_labels, a.row_labels) as row_labels_after,
        coalesce(lead(c.seat_numbers) over later, r.seat_numbers, a.seat_numbers) as seat_numbers_after
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
            when steps.row_labels_after is null then 'is of a reservation that does not exist'
            when steps.total_price <> sums.price
                then format('has a total of %s, but its seats cost %s', steps.total_price, sums.price)
            when steps.change = 'cancelled_seats' and not (
                sums.seats_after <@ sums.seats_before
                and cardinality(sums.seats_after) between 1 and cardinality(sums.seats_before) - 1
            ) then 'cancelled some seats, but left others than the rest'
            when steps.change = 'added_seats' and not sums.seats_before <@ sums.seats_after
                then 'added seats, but left out some that were there'
        end as detail
    from steps
    cross join
        lateral ( -- noqa: ST05
            select
                (
                    select sum(seat.price)
                    from unnest(steps.prices) as seat (price)
                ) as price,
                array(
                    select seat.row_label || ' ' || seat.number
                    from unnest(steps.row_labels, steps.seat_numbers) as seat (row_label, number)
                ) as seats_before,
                array(
                    select seat.row_label || ' ' || seat.number
                    from unnest(steps.row_labels_after, steps.seat_numbers_after) as seat (row_label, number)
                ) as seats_after
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
