/* webhooks/replace_secrets
Marks a webhook's newest secret as replaced, and deletes those that sign no more, since they were replaced long ago or there
are more than a few. The caller has locked the webhook.
Plan: index scans on webhook_secrets_webhook_id_idx.
$1 bigint webhook_id: whose
$2 interval kept: how long a replaced secret signs along
$3 integer most: how many replaced secrets sign along
Sample: select min(id), interval '24 hours', 4 from webhooks
*/
with /* webhooks/replace_secrets */ newest as (
    select id
    from webhook_secrets
    where
        webhook_id = $1
        and (replaced_at is null or replaced_at > now() - $2::interval)
    order by id desc
    limit $3::integer
),

deleted as (
    delete from webhook_secrets
    where
        webhook_id = $1
        and id not in (
            select id
            from newest
        )
)

update webhook_secrets
set replaced_at = now()
where
    replaced_at is null
    and id in (
        select id
        from newest
    );
