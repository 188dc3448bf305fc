/* payments/find_due
What a reservation costs, and what was paid for it and not refunded.
Plan: index scans on reservations_pkey and payments_reservation_id_number_key.
$1 uuid reservation_id: which
$2 bigint showtime_id: of which showtime
Sample: select r.id, r.showtime_id from (select) as one left join (select * from reservations order by id desc limit 1) as r on true
*/
select /* payments/find_due */
    r.total_price,
    (
        select coalesce(sum(p.amount - p.refunded), 0)
        from payments as p
        where p.reservation_id = r.id and p.showtime_id = r.showtime_id and p.status = 'succeeded'
    ) as paid
from reservations as r
where r.id = $1 and r.showtime_id is not distinct from $2;
