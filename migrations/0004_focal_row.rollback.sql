set local lock_timeout = '5s';

alter table auditoriums drop column focal_row;
