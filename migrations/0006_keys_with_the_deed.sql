-- An Idempotency-Key is written in the statement that carries its request out, and no more before it: there is no lease.
-- The keys of before may stand for requests that were begun and not done, and nothing here tells: all are forgotten.
-- Not to be run beside the version before it, which was never released.

set local lock_timeout = '5s';

-- squawk-ignore ban-drop-table
drop table idempotency_keys;
-- No foreign key to users, who are never deleted, nor to reservations: a row is written on the way of every hold and
-- confirm that has a key, and is gone after a day. Keys are ASCII and only compared: as bytes, whatever language the
-- database sorts in.
create table idempotency_keys (
    user_id bigint not null,
    key text collate "C" not null,
    fingerprint bytea not null,
    reservation_id uuid,
    refusal jsonb,
    created_at timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (user_id, key),
    constraint idempotency_keys_key_check check (char_length(key) between 1 and 255),
    constraint idempotency_keys_fingerprint_check check (octet_length(fingerprint) = 16),
    constraint idempotency_keys_outcome_check check (num_nonnulls(reservation_id, refusal) = 1)
);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);

comment on table idempotency_keys is 'Requests that clients may repeat; kept for a day.';
comment on column idempotency_keys.fingerprint is 'Digest of what was asked, so that a key is not used for two things.';
comment on column idempotency_keys.reservation_id is
'What was made, confirmed or cancelled, and tells the answer; null where the request was refused.';
comment on column idempotency_keys.refusal is 'The answer, where it was a lasting no.';
