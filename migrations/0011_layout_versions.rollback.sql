set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0010() rename to grant_reservation_roles;
drop trigger showtimes_layout_changed on showtimes;
drop function raise_layout_version();
drop trigger seats_inserted on seats;
drop trigger seats_updated on seats;
drop trigger seats_deleted on seats;
drop function raise_layout_versions();
alter table seats drop column retired_at;
alter table showtimes drop column layout_version;
alter table auditoriums drop column plan_version;
