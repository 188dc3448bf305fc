set local lock_timeout = '5s';

drop table booked_seats;
drop table reservation_seats;
drop table reservations;
drop table showtimes;
drop table seats;
drop table auditoriums;
drop table movies;
drop table login_sessions;
drop table users;
