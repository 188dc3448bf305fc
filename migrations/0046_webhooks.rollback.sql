set local lock_timeout = '5s';

drop procedure grant_reservation_roles_0046();
drop trigger deliveries_recorded on deliveries;
drop index deliveries_webhook_due_idx;
drop table webhook_secrets;
drop table webhooks;
