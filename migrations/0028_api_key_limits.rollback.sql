set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0026() rename to grant_reservation_roles;

alter table api_keys
drop constraint api_keys_limits_check,
drop column max_holds_per_user,
drop column max_seats_per_user_per_showtime,
drop column holds_per_minute;
