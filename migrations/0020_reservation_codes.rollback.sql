-- transactional: false
set lock_timeout = '5s';

drop index concurrently if exists archived_reservations_code_idx;

alter table archived_reservations alter column code drop not null;

drop index concurrently if exists reservations_code_key;

alter table reservations alter column code drop not null;
