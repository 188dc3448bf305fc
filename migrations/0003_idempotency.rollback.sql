set local lock_timeout = '5s';

alter table reservations drop column first_expires_at;
drop table idempotency_keys;
