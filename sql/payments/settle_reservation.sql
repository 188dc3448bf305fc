/* payments/settle_reservation
Settles the payments of a reservation that is not held any more; those of a live hold are looked at when it ends.
Plan: index scans on payments_reservation_id_number_key and reservations_pkey.
$1 uuid reservation_id: locked by the caller, unless it is archived
$2 bigint showtime_id: of which showtime; null if that is not known, since the reservation does not exist any more
Sample: select p.reservation_id, p.showtime_id from (select) as one left join (select * from payments where status = 'succeeded'
and refunded = 0 order by reservation_id desc, number desc limit 1) as p on true
*/
with /* payments/settle_reservation */ held as materialized (
    select r.expires_at
    from reservations as r
    where r.id = $1 and r.showtime_id is not distinct from $2 and r.status = 'held' and r.expires_at > clock_timestamp()
)

update payments as p
set
    settled_at = case when not exists (select from held) then clock_timestamp() end,
    check_at = coalesce((select held.expires_at from held), p.check_at)
where
    p.reservation_id = $1
    and p.showtime_id is not distinct from $2
    and p.status = 'succeeded'
    and p.settled_at is null;
