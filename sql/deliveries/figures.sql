/* deliveries/figures
How many deliveries wait, how many of them are late for their time, and the age of the oldest event that is not moved yet.
Dead ones are counted up to a limit.
Plan: index scans on deliveries_due_idx, deliveries_dead_idx and outbox_pkey, each stopped by a limit.
$1 bigint row_limit: count no further than that
Sample: select 10000::bigint
*/
select /* deliveries/figures */
    (
        select count(*)
        from (
            select
            from deliveries
            where channel = 'mail' and status = 'pending'
            order by next_attempt_at
            limit $1
        ) as waiting
    ) as mails_waiting,
    (
        select count(*)
        from (
            select
            from deliveries
            where channel = 'webhook' and status = 'pending'
            order by next_attempt_at
            limit $1
        ) as waiting
    ) as webhooks_waiting,
    (
        select count(*)
        from (
            select
            from deliveries
            where status = 'dead'
            order by id
            limit $1
        ) as given_up
    ) as dead,
    (
        select count(*)
        from (
            select
            from outbox
            order by id
            limit $1
        ) as waiting
    ) as outbox_rows,
    coalesce((
        select extract(epoch from clock_timestamp() - o.created_at)::double precision
        from outbox as o
        order by o.id
        limit 1
    ), 0) as outbox_age_s,
    coalesce((
        select extract(epoch from clock_timestamp() - d.next_attempt_at)::double precision
        from deliveries as d
        where d.channel = 'mail' and d.status = 'pending' and d.next_attempt_at <= now()
        order by d.next_attempt_at
        limit 1
    ), 0) as mail_delay_s,
    coalesce((
        select extract(epoch from clock_timestamp() - d.next_attempt_at)::double precision
        from deliveries as d
        where d.channel = 'webhook' and d.status = 'pending' and d.next_attempt_at <= now()
        order by d.next_attempt_at
        limit 1
    ), 0) as webhook_delay_s;
