/* payments/find_payment
A payment, with the owner of its reservation, also of an archived one; the owner is null if there is no such reservation.
Plan: index scans on payments_pkey, reservations_pkey and archived_reservations_pkey.
$1 uuid payment_id: which
Sample: select (select id from payments where status = 'succeeded' and refunded = 0 order by reservation_id desc, number desc
limit 1)
*/
select /* payments/find_payment */
    p.id,
    p.reservation_id,
    p.showtime_id,
    p.provider,
    p.status,
    p.reference,
    p.settled_at is not null as is_settled,
    coalesce(r.user_id, a.user_id) as user_id,
    coalesce(r.status = 'held' and r.expires_at > clock_timestamp(), false) as is_held,
    extract(epoch from clock_timestamp() - p.created_at)::double precision as age_s
from payments as p
left join reservations as r on p.reservation_id = r.id
left join archived_reservations as a on p.reservation_id = a.id
where p.id = $1;
