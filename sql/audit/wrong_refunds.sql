/* audit/wrong_refunds
Finds payments whose `refunded` is not the sum of their refunds.
Plan: one pass over payments and refunds each.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/wrong_refunds */ made as (
    select
        f.payment_id,
        sum(f.amount) as amount
    from refunds as f
    group by f.payment_id
)

select
    format('payment %s', p.id) as subject,
    format('counts %s as refunded, but its refunds are %s', p.refunded, coalesce(made.amount, 0)) as detail,
    count(*) over () as found
from payments as p
left join made on p.id = made.payment_id
where p.refunded <> coalesce(made.amount, 0)
order by p.id
limit $1;
