/* payments/settle_confirmed
Settles due payments of confirmed reservations whose payments, less their refunds, are what they cost: nearly all external
ones, whose client has confirmed the reservation. The number that was settled tells whether to run it again.
Plan: index scans on payments_check_at_idx, reservations_pkey and payments_reservation_id_number_key.
$1 bigint row_limit: most payments of one run
Sample: select 500::bigint
*/
with /* payments/settle_confirmed */ due as materialized (
    select
        p.id,
        p.reservation_id,
        (
            select sum(own.amount - own.refunded)
            from payments as own
            where own.reservation_id = p.reservation_id and own.status = 'succeeded'
        ) as balance
    from payments as p
    where p.settled_at is null and p.check_at <= clock_timestamp() and p.status = 'succeeded'
    order by p.check_at
    limit $1
    for no key update skip locked
)

update payments as p
set settled_at = clock_timestamp()
from due
inner join reservations as r on due.reservation_id = r.id and r.status = 'confirmed'
where p.id = due.id and r.total_price = due.balance
returning p.id;
