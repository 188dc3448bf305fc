-- Lost: what reservations were before their seats were changed. The reservations stay as they are now.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0024() rename to grant_reservation_roles;

comment on column reservations.seat_ids is
'In the order of the seat map, as are the labels, numbers and prices; never changed, and kept as history.';
comment on view reservation_seats is
'The seats a reservation asked for, a row each, from the arrays in its row; kept as history whatever becomes of it.';

drop table reservation_changes;

call grant_reservation_roles();
