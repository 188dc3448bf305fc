-- Keys of machine clients: each acts for one account, within scopes.
-- A new table that nothing older asks for, so it can be made beside the version that is running.

set local lock_timeout = '5s';

create table api_keys (
    id bigint generated always as identity,
    name text not null,
    user_id bigint not null,
    prefix text not null,
    key_hash bytea not null,
    scopes text[] not null,
    created_by bigint not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    constraint api_keys_pkey primary key (id),
    constraint api_keys_key_hash_key unique (key_hash),
    constraint api_keys_user_id_fkey foreign key (user_id) references users (id),
    constraint api_keys_created_by_fkey foreign key (created_by) references users (id),
    constraint api_keys_name_check check (char_length(name) between 1 and 100),
    constraint api_keys_prefix_check check (char_length(prefix) = 12),
    constraint api_keys_key_hash_check check (octet_length(key_hash) = 32),
    constraint api_keys_scopes_check check (
        cardinality(scopes) > 0 and scopes <@ array['catalogue', 'booking', 'reports']
    ),
    constraint api_keys_expires_at_check check (expires_at > created_at)
);

comment on table api_keys is 'Keys of machine clients. A row stays for good: a revoked key still tells who had it.';
comment on column api_keys.user_id is 'The account that the key acts for; it can do at most what that account may.';
comment on column api_keys.prefix is 'The first characters of the key, by which people tell it from others in a list.';
comment on column api_keys.key_hash is
'SHA-256 of the key. A key is 256 random bits, which nobody can guess however fast a guess is checked; Argon2 is for
passwords, which people choose, and would cost every request what it is meant to cost an attacker.';
comment on column api_keys.scopes is 'What it may be used for: catalogue, booking, reports.';
comment on column api_keys.created_by is 'The administrator who made it.';
comment on column api_keys.expires_at is 'From then on it is not good any more; null: it has no end.';
comment on column api_keys.last_used_at is 'Written in the background about once a minute, so up to two minutes late.';
