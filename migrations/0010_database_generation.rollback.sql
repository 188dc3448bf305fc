set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0007() rename to grant_reservation_roles;
drop table database_generation;
