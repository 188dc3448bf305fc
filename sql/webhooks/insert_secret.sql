/* webhooks/insert_secret
Stores a webhook's new secret.
Plan: index scan on webhooks_pkey, and the insert.
$1 bigint webhook_id: whose; the caller has inserted or locked it
$2 text secret: as it is, since it has to sign
Sample: select min(id), 'whsec_c2FtcGxl' from webhooks
*/
insert /* webhooks/insert_secret */ into webhook_secrets (webhook_id, secret)
select
    id,
    $2
from webhooks
where id = $1;
