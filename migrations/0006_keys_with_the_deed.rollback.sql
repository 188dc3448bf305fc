set local lock_timeout = '5s';

drop table idempotency_keys;
create table idempotency_keys (
    user_id bigint not null,
    key text not null,
    fingerprint bytea not null,
    reservation_id uuid not null,
    created_at timestamptz not null default now(),
    leased_until timestamptz not null,
    refusal jsonb,
    constraint idempotency_keys_pkey primary key (user_id, key),
    constraint idempotency_keys_key_check check (char_length(key) between 1 and 255),
    constraint idempotency_keys_fingerprint_check check (octet_length(fingerprint) = 16)
);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);

comment on table idempotency_keys is 'Requests that clients may repeat; kept for a day.';
comment on column idempotency_keys.fingerprint is 'Digest of what was asked, so that a key is not used for two things.';
comment on column idempotency_keys.reservation_id is
'What it is about; a hold is given its id here, so that whoever carries it out makes the same one.';
comment on column idempotency_keys.leased_until is
'Until then somebody may be carrying it out; after it, whoever repeats the request does.';
comment on column idempotency_keys.refusal is 'The answer, where it was a lasting no; a yes is read from the reservation.';
