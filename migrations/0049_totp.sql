-- transactional: false
-- Each statement is a transaction of its own.
-- One-time passwords (TOTP) of accounts, and when the owner of a login session has last given the password. The version that is
-- running uses neither. It may be run again from its beginning.
-- Longest lock: access exclusive on login_sessions, for a column without values, beside all other sessions: less than 2 ms; share
-- row exclusive on users, for the foreign key of an empty table: less than 2 ms.

set lock_timeout = '5s';

create table if not exists totp_secrets (
    user_id bigint not null,
    secret text not null,
    created_at timestamptz not null default now(),
    confirmed_at timestamptz,
    last_step bigint not null default 0,
    recovery_hashes bytea[] not null default '{}',
    constraint totp_secrets_pkey primary key (user_id),
    constraint totp_secrets_secret_check check (char_length(secret) between 16 and 64),
    constraint totp_secrets_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

comment on table totp_secrets is 'Secrets of one-time passwords (TOTP, RFC 6238), one an account that has begun to enrol.';
comment on column totp_secrets.secret is 'In base32, as authenticator apps take it. Whoever reads it can compute the codes.';
comment on column totp_secrets.confirmed_at is 'When its owner has shown a code of it; null: not yet, and a login needs no code.';
comment on column totp_secrets.last_step is
'Of the last code that was accepted: its time in steps of 30 s since 1970. No code of it or of an earlier step is accepted again.';
comment on column totp_secrets.recovery_hashes is 'SHA-256 of each recovery code that was not used, of 120 random bits.';

alter table login_sessions add column if not exists reauthenticated_at timestamptz;

comment on column login_sessions.reauthenticated_at is
'When the password was last given again in this session; null: not since the login.';

create or replace procedure grant_reservation_roles_0049()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on totp_secrets to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        revoke select on totp_secrets from reservation_readonly;
        grant select (user_id, created_at, confirmed_at) on totp_secrets to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles_0049 is 'The part of grant_reservation_roles for one-time passwords.';

revoke execute on procedure grant_reservation_roles_0049 from public;

call grant_reservation_roles_0049();
