set local lock_timeout = '5s';

drop trigger reservations_hold_recorded on reservations;
