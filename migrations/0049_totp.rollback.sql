set local lock_timeout = '5s';

drop procedure grant_reservation_roles_0049();
alter table login_sessions drop column reauthenticated_at;
drop table totp_secrets;
