/* box_office/list_of_showtime
A page of the ids of a showtime's reservations, archived ones included, newest first; for the box office. It reads all
reservations of the showtime, and sorts those that match: they are a few for each seat of the room.
Plan: index scans on reservations_showtime_id_expires_at_idx and archived_reservations_showtime_id_idx.
$1 bigint showtime_id: of which
$2 bigint[] user_ids: only these customers'; null for all
$3 timestamptz before: creation of the last one of the page before; a time far ahead for the first page
$4 uuid before_id: its id; the highest one for the first page
$5 text status: only these; null for any
$6 timestamptz created_from: only those made from then on
$7 timestamptz created_to: only those made before then
$8 bigint row_limit: most rows of the result
Sample: select (select showtime_id from reservations order by id desc limit 1), null::bigint[], now() + interval '1 year',
'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, null::text, '-infinity'::timestamptz, 'infinity'::timestamptz, 51::bigint
*/
with /* box_office/list_of_showtime */ found as materialized (
    select
        r.id,
        r.user_id,
        r.created_at,
        case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status
    from reservations as r
    where r.showtime_id = $1
    union all
    select
        a.id,
        a.user_id,
        a.created_at,
        a.status
    from archived_reservations as a
    where a.showtime_id = $1
)

select
    id,
    created_at,
    true as matches,
    false as is_last_read
from found
where
    (created_at, id) < ($3, $4)
    and ($2::bigint[] is null or user_id = any($2))
    and ($5::text is null or status = $5)
    and created_at >= $6
    and created_at < $7
order by created_at desc, id desc
limit $8;
