/* reservations/lock_showtimes
Locks showtimes against new reservations until the end of the transaction: reservations/insert_held takes their key share
lock. What was held before is visible to the next statement, and what is held later sees what this transaction books. It
waits up to 300 ms, as every later statement of the transaction does.
Plan: index scan on showtimes_pkey.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at, id limit 2) as st
*/
select /* reservations/lock_showtimes */ id
from showtimes
where
    id = any($1)
    and (select set_config('lock_timeout', '300ms', true)) is not null
order by id
for update;
