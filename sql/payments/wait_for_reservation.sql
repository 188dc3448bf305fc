/* payments/wait_for_reservation
Waits up to 300 ms for the lock of another session on a reservation. payments/insert_external skips one that is locked: this
comes before it, in its transaction, when it has.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: which
Sample: select (select id from reservations where status = 'held' order by id desc limit 1)
*/
with /* payments/wait_for_reservation */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
)

select r.id
from reservations as r
where r.id = $1 and (select ll.lock_timeout from lock_limit as ll) is not null
for no key update of r;
