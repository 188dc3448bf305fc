-- Lost: who changed what.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0029() rename to grant_reservation_roles;

drop table change_log;
drop function record_change();

call grant_reservation_roles();
