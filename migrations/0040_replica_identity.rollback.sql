set local lock_timeout = '5s';

alter table booked_seats replica identity default;
