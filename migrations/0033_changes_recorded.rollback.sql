-- transactional: false
set lock_timeout = '5s';

drop trigger if exists movies_recorded on movies;
drop trigger if exists cinemas_recorded on cinemas;
drop trigger if exists auditoriums_recorded on auditoriums;
drop trigger if exists seats_recorded on seats;
drop trigger if exists showtimes_recorded on showtimes;
drop trigger if exists ticket_types_recorded on ticket_types;
drop trigger if exists booked_seats_block_recorded on booked_seats;
drop trigger if exists booked_seats_unblock_recorded on booked_seats;
drop trigger if exists users_recorded on users;
drop trigger if exists api_keys_recorded on api_keys;
drop trigger if exists reservations_recorded on reservations;
