set local lock_timeout = '5s';

drop procedure grant_reservation_roles_0056();

alter table totp_secrets
drop column wrong_codes,
drop column wrong_codes_since;
