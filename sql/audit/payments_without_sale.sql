/* audit/payments_without_sale
Finds reservations for which more is paid and not refunded than they cost: a confirmed one costs its total, any other nothing.
Reservations with a payment that is not settled are left out: a background job confirms or refunds those.
Plan: one pass over payments; reservations and archived_reservations by their primary keys or in one pass.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/payments_without_sale */
    format('reservation %s', paid.reservation_id) as subject,
    format('costs %s, but %s is paid and not refunded', paid.price, paid.balance) as detail,
    count(*) over () as found
from (
    select
        own.reservation_id,
        own.balance,
        coalesce(
            case when r.status = 'confirmed' then r.total_price end,
            case when a.status = 'confirmed' then a.total_price end,
            0
        ) as price
    from (
        select
            p.reservation_id,
            sum(p.amount - p.refunded) as balance
        from payments as p
        where p.status = 'succeeded'
        group by p.reservation_id
        having bool_and(p.settled_at is not null)
    ) as own
    left join reservations as r on own.reservation_id = r.id
    left join archived_reservations as a on own.reservation_id = a.id
) as paid
where paid.balance > paid.price
order by paid.reservation_id
limit $1;
