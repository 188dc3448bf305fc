/* box_office/list_by_code
The ids of the reservations with a code, newest first, for the box office: one at most, and perhaps archived ones, since a
code may be given again after its reservation was archived.
Plan: index scans on reservations_code_key and archived_reservations_code_idx.
$1 text code: in capitals
$2 bigint showtime_id: only of this showtime; null for any
$3 bigint[] user_ids: only these customers'; null for all
$4 timestamptz before: creation of the last one of the page before; a time far ahead for the first page
$5 uuid before_id: its id; the highest one for the first page
$6 text status: only these; null for any
$7 timestamptz created_from: only those made from then on
$8 timestamptz created_to: only those made before then
$9 bigint row_limit: most rows of the result
Sample: select (select code from reservations order by id desc limit 1), null::bigint, null::bigint[], now() + interval
'1 year', 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, null::text, '-infinity'::timestamptz, 'infinity'::timestamptz,
51::bigint
*/
with /* box_office/list_by_code */ found as materialized (
    select
        r.id,
        r.user_id,
        r.showtime_id,
        r.created_at,
        case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status
    from reservations as r
    where r.code = $1
    union all
    select
        a.id,
        a.user_id,
        a.showtime_id,
        a.created_at,
        a.status
    from archived_reservations as a
    where a.code = $1
)

select
    id,
    created_at,
    true as matches,
    false as is_last_read
from found
where
    ($2::bigint is null or showtime_id = $2)
    and ($3::bigint[] is null or user_id = any($3))
    and (created_at, id) < ($4, $5)
    and ($6::text is null or status = $6)
    and created_at >= $7
    and created_at < $8
order by created_at desc, id desc
limit $9;
