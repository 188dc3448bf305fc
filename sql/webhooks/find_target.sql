/* webhooks/find_target
What a delivery to a webhook needs: where it goes, what signs it, and for how long deliveries have been failing.
Plan: index scans on webhooks_pkey and webhook_secrets_webhook_id_idx.
$1 bigint webhook_id: which
$2 interval kept: how long a replaced secret signs along
Sample: select min(id), interval '24 hours' from webhooks
*/
select /* webhooks/find_target */
    w.url,
    w.active,
    w.failing_since is not null as is_failing,
    array(
        select s.secret
        from webhook_secrets as s
        where
            s.webhook_id = w.id
            and (s.replaced_at is null or s.replaced_at > now() - $2::interval)
        order by s.id desc
    ) as secrets
from webhooks as w
where w.id = $1;
