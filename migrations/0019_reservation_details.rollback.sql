set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0018() rename to grant_reservation_roles;

drop trigger cinemas_renamed on cinemas;
drop trigger auditoriums_renamed on auditoriums;
drop trigger movies_renamed on movies;
drop function raise_layout_versions_of_names();

alter table archived_reservations
drop column ticket_type_ids,
drop column late,
drop column cancelled_by,
drop column metadata,
drop column reference,
drop column code;
alter table reservations
drop column ticket_type_ids,
drop column late,
drop column cancelled_by,
drop column metadata,
drop column reference,
drop column code;
drop function new_reservation_code();
drop table ticket_types;
drop function raise_ticket_type_version();
drop table ticket_type_version;
