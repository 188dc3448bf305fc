/* box_office/list_of_customers
A page of the ids of some customers' reservations, archived ones included, newest first; for the box office. An address may
have several customers: an account and guests. A page reads a limited number of rows, as in reservations/list_reservations.
Plan: nested loop from the customers to index scans on reservations_user_id_idx and archived_reservations_user_id_idx, each
stopped by the limit.
$1 bigint[] user_ids: whose
$2 timestamptz before: creation of the last one of the page before; a time far ahead for the first page
$3 uuid before_id: its id; the highest one for the first page
$4 text status: only these; null for any
$5 timestamptz created_from: only those made from then on
$6 timestamptz created_to: only those made before then
$7 bigint row_limit: most rows of the result
$8 bigint read_limit: most rows to read of each customer and table
Sample: select array(select user_id from reservations order by id desc limit 1), now() + interval '1 year',
'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, null::text, '-infinity'::timestamptz, 'infinity'::timestamptz, 51::bigint,
51::bigint
*/
with /* box_office/list_of_customers */ found as materialized (
    select
        each.id,
        each.created_at,
        each.status
    from unnest($1::bigint[]) as asked (user_id)
    cross join
        lateral ( -- noqa: ST05
            (
                select
                    r.id,
                    r.created_at,
                    case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and (r.created_at, r.id) < ($2, $3)
                    and r.created_at >= $5
                    and r.created_at < $6
                    and r.created_at > case $4::text when 'held' then now() - interval '8 days' else '-infinity' end
                order by r.created_at desc, r.id desc
                limit $8
            )
            union all
            (
                select
                    a.id,
                    a.created_at,
                    a.status
                from archived_reservations as a
                where
                    a.user_id = asked.user_id
                    and (a.created_at, a.id) < ($2, $3)
                    and a.created_at >= $5
                    and a.created_at < $6
                    and a.created_at > case $4::text when 'held' then now() - interval '8 days' else '-infinity' end
                order by a.created_at desc, a.id desc
                limit $8
            )
        ) as each
),

numbered as (
    select
        id,
        created_at,
        status,
        row_number() over (order by created_at desc, id desc) as number
    from found
)

select
    id,
    created_at,
    $4::text is null or status = $4 as matches,
    number = $8 as is_last_read
from numbered
where number <= $8 and ($4::text is null or status = $4 or number = $8)
order by created_at desc, id desc
limit $7;
