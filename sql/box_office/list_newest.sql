/* box_office/list_newest
A page of the ids of all customers' reservations, archived ones included, newest first; for the box office.
The order is that of the ids, which begin with the time of the request: so the primary keys serve, and holds
write no further index. The caller turns a range of created_at into one of ids that is wider by a minute, and the range of
created_at decides. A page reads a limited number of rows, however few of them match. is_last_read marks the row at which the
limit was reached, which is in the result whether or not it matches, so that the caller knows where the next page begins. A
hold is not older than a week (the highest HOLD_MAX_SECONDS), so a list of holds ends there.
Plan: index scans on reservations_pkey and archived_reservations_pkey, each stopped by the limit.
$1 uuid before_id: the last id of the page before; the highest one for the first page
$2 uuid lowest_id: no id below this
$3 text status: only these; null for any
$4 timestamptz created_from: only those made from then on
$5 timestamptz created_to: only those made before then
$6 bigint row_limit: most rows of the result
$7 bigint read_limit: most rows to read of each table
Sample: select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, '00000000-0000-0000-0000-000000000000'::uuid, null::text,
'-infinity'::timestamptz, 'infinity'::timestamptz, 51::bigint, 51::bigint
*/
with /* box_office/list_newest */ kept as not materialized (
    select
        r.id,
        r.created_at,
        case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status
    from reservations as r
    where r.id < $1 and r.id >= $2
    order by r.id desc
    limit $7
),

archived as not materialized (
    select
        a.id,
        a.created_at,
        a.status
    from archived_reservations as a
    where a.id < $1 and a.id >= $2
    order by a.id desc
    limit $7
),

newest as not materialized (
    select
        id,
        created_at,
        status
    from kept
    union all
    select
        id,
        created_at,
        status
    from archived
    order by id desc
    limit $7
),

numbered as not materialized (
    select
        id,
        created_at,
        status,
        row_number() over (order by id desc) as number
    from newest
)

select
    id,
    created_at,
    ($3::text is null or status = $3) and created_at >= $4 and created_at < $5 as matches,
    number = $7 and ($3::text is distinct from 'held' or created_at > now() - interval '8 days') as is_last_read
from numbered
where (($3::text is null or status = $3) and created_at >= $4 and created_at < $5) or number = $7
order by id desc
limit $6;
