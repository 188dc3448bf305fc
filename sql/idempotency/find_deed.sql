/* idempotency/find_deed
What was done to a reservation, as far as it does not show in its status: whoever repeats a request gets the first answer.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
*/
select
    confirmed_at is not null as confirmed,
    coalesce(first_expires_at, expires_at) as first_expires_at
from reservations
where id = $1 and user_id = $2;
