set local lock_timeout = '5s';

drop trigger reservations_payments_moved on reservations;
drop trigger refunds_showtime on refunds;
drop trigger payments_showtime on payments;

drop function move_payments();
drop function find_refund_showtime();
drop function find_payment_showtime();

alter table refunds drop column showtime_id;
alter table payments drop column showtime_id;
