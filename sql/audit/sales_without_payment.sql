/* audit/sales_without_payment
Finds reservations that were confirmed while the service took payments, archived ones included, and for which less is paid
and not refunded than they cost.
Plan: one pass over reservations, the archive and payments each.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/sales_without_payment */
    format('reservation %s', sold.id) as subject,
    format('is confirmed and costs %s, but %s is paid and not refunded', sold.total_price, sold.balance) as detail,
    count(*) over () as found
from (
    select
        sale.id,
        sale.total_price,
        coalesce(paid.balance, 0) as balance
    from (
        select
            r.id,
            r.total_price
        from reservations as r
        where r.status = 'confirmed' and r.payment_required
        union all
        select
            a.id,
            a.total_price
        from archived_reservations as a
        where a.status = 'confirmed' and a.payment_required
    ) as sale
    left join
        (
            select
                p.reservation_id,
                sum(p.amount - p.refunded) as balance
            from payments as p
            where p.status = 'succeeded'
            group by p.reservation_id
        ) as paid
        on sale.id = paid.reservation_id
) as sold
where sold.balance < sold.total_price
order by sold.id
limit $1;
