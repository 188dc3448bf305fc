set local lock_timeout = '5s';

drop procedure grant_reservation_roles_0044();
alter table archived_reservations drop column payment_required;
alter table reservations drop column payment_required;
drop table payment_events;
drop table refunds;
drop table payments;
