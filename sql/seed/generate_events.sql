/* seed/generate_events
Inserts an event for each of the newest reservations, a mail for each event, a call of a webhook
for each tenth, one in fifty still to be sent and some given up: so many as make plans that use the indexes. Half of those
to be sent are due since a day, the others in a day: how many are due must not depend on the age of the rows.
Plan: index scan on reservations_pkey, stopped by the limit, then the inserts.
$1 bigint row_limit: how many
Sample: select 16::bigint
*/
with /* seed/generate_events */ told as (
    insert into events (type, reservation_id, created_at)
    select
        'reservation.confirmed' as type,
        newest.id,
        now()
    from (
        select r.id
        from reservations as r
        order by r.id desc
        limit $1
    ) as newest
    order by newest.id
    returning
        id,
        reservation_id
),

called as (
    insert into deliveries (channel, kind, event_id, webhook_id, reservation_id, status, attempts, next_attempt_at, ended_at)
    select
        'webhook' as channel,
        'reservation.confirmed' as kind,
        t.id,
        w.id as webhook_id,
        t.reservation_id,
        case when t.id % 50 = 0 then 'pending' else 'delivered' end as status,
        1 as attempts,
        now() + (t.id % 100 - 25) * interval '1 hour' as next_attempt_at,
        case when t.id % 50 <> 0 then now() end as ended_at
    from told as t
    inner join webhooks as w on w.id = 1 + t.id / 10 % 20
    where t.id % 10 = 0
)

insert into deliveries (channel, kind, event_id, reservation_id, status, attempts, next_attempt_at, ended_at)
select
    'mail' as channel,
    'confirmation' as kind,
    id,
    reservation_id,
    case
        when id % 50 = 0 then 'pending'
        when id % 500 = 1 then 'dead'
        else 'delivered'
    end as status,
    case when id % 50 = 0 then 0 else 1 end as attempts,
    now() + (id % 100 - 25) * interval '1 hour' as next_attempt_at,
    case when id % 50 <> 0 then now() end as ended_at
from told;
