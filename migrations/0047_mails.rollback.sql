-- Lost: the languages of people, and which showtimes' customers were reminded: a later version reminds them again.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles_0047();
drop index deliveries_email_idx;
drop index deliveries_user_id_idx;
drop table reminded_showtimes;
alter table users drop constraint users_language_check;
alter table users drop column language;
