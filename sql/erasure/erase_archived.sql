/* erasure/erase_archived
Deletes from a page of a user's archived reservations what may tell who the user is: what its clients and the box office wrote. Pages go
from the newest to the oldest, so that one costs the same however many there are. Returns the last reservation of the page.
Plan: index scan on archived_reservations_user_id_idx, then index scans on archived_reservations_pkey and reservation_changes_pkey.
$1 bigint user_id: whose
$2 timestamptz before: creation of the last one of the page before; a time far ahead for the first page
$3 uuid before_id: its id; the highest one for the first page
$4 bigint row_limit: reservations of a page
Sample: select (select user_id from archived_reservations order by id desc limit 1), now() + interval '1 year',
'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, 100::bigint
*/
with /* erasure/erase_archived */ page as materialized (
    select
        id,
        created_at
    from archived_reservations
    where user_id = $1 and (created_at, id) < ($2, $3)
    order by created_at desc, id desc
    limit $4
),

erased as (
    update archived_reservations as r
    set
        reference = null,
        metadata = null,
        cancel_reason = null
    where r.id = any(array(select p.id from page as p)) and num_nonnulls(r.reference, r.metadata, r.cancel_reason) > 0
),

changes as (
    update reservation_changes as c
    set reason = null
    where c.reservation_id = any(array(select p.id from page as p)) and c.reason is not null
)

select
    created_at,
    id
from page
order by created_at asc, id asc
limit 1;
