-- How many wrong codes of one-time passwords (TOTP) were given of an account, so that codes cannot be guessed while Redis, which counts
-- failed logins, is away. The version that is running neither counts nor refuses them.
-- Longest lock: access exclusive on totp_secrets, for columns whose defaults no row is written for: less than 2 ms.

set local lock_timeout = '5s';

alter table totp_secrets
add column wrong_codes integer not null default 0,
add column wrong_codes_since timestamptz;

comment on column totp_secrets.wrong_codes is 'How many wrong codes of six digits were given within an hour of wrong_codes_since.';
comment on column totp_secrets.wrong_codes_since is 'When the first of wrong_codes was given; null: none was.';

create procedure grant_reservation_roles_0056()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (wrong_codes, wrong_codes_since) on totp_secrets to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles_0056 is 'The part of grant_reservation_roles for wrong one-time passwords.';

revoke execute on procedure grant_reservation_roles_0056 from public;

call grant_reservation_roles_0056();
