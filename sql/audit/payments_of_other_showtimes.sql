/* audit/payments_of_other_showtimes
Finds payments whose showtime is not that of their reservation, and refunds whose showtime is not that of their payment: a
trigger keeps them equal, and no foreign key does. While migration 0061 runs, those that it has not reached are found as well. A
payment whose reservation does not exist any more has none: see migration 0060.
Plan: two passes over payments, one over refunds, reservations and archived_reservations each.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/payments_of_other_showtimes */ wrong as (
    select
        format('payment %s', p.id) as subject,
        format(
            'is for showtime %s, but its reservation for %s',
            coalesce(p.showtime_id::text, 'null'), coalesce(r.showtime_id, a.showtime_id)
        ) as detail
    from payments as p
    left join reservations as r on p.reservation_id = r.id
    left join archived_reservations as a on p.reservation_id = a.id
    where
        coalesce(r.showtime_id, a.showtime_id) is not null
        and p.showtime_id is distinct from coalesce(r.showtime_id, a.showtime_id)
    union all
    select
        format('refund %s', f.id) as subject,
        format('is for showtime %s, but its payment for %s', coalesce(f.showtime_id::text, 'null'), p.showtime_id) as detail
    from refunds as f
    inner join payments as p on f.payment_id = p.id
    where p.showtime_id is not null and f.showtime_id is distinct from p.showtime_id
)

select
    subject,
    detail,
    count(*) over () as found
from wrong
order by subject
limit $1;
