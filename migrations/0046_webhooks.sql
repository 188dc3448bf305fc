-- Webhooks: where events are sent, and the secrets that sign them. A secret has to sign, so it is stored as it is, in a table
-- of its own, which neither the change log nor reservation_readonly sees.
-- Longest lock: share on deliveries, for its index, and share row exclusive for its trigger: less than 2 ms, since it is as new.
-- squawk-ignore-file require-concurrent-index-creation

set local lock_timeout = '5s';

create table webhooks (
    id bigint generated always as identity,
    url text not null,
    events text[] not null,
    active boolean not null default true,
    failing_since timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint webhooks_pkey primary key (id),
    constraint webhooks_url_check check (char_length(url) between 1 and 2000),
    constraint webhooks_events_check check (cardinality(events) between 1 and 50),
    constraint webhooks_disabled_check check (
        (disabled_at is null) = (disabled_reason is null) and not (active and disabled_at is not null)
    )
);

comment on table webhooks is 'Addresses to which events are sent.';
comment on column webhooks.events is 'The types of events that are sent there.';
comment on column webhooks.active is 'Whether events are sent; false: an administrator said so, or the service disabled it.';
comment on column webhooks.failing_since is 'When the first delivery failed after the last one that succeeded; null: none has.';
comment on column webhooks.disabled_at is 'When the service disabled it, since no delivery succeeded; null: it did not.';
comment on column webhooks.disabled_reason is 'Why the service disabled it: failing or gone.';

create table webhook_secrets (
    id bigint generated always as identity,
    webhook_id bigint not null,
    secret text not null,
    created_at timestamptz not null default clock_timestamp(),
    replaced_at timestamptz,
    constraint webhook_secrets_pkey primary key (id),
    constraint webhook_secrets_webhook_id_fkey foreign key (webhook_id) references webhooks (id) on delete cascade,
    constraint webhook_secrets_secret_check check (secret like 'whsec\_%')
);

create index webhook_secrets_webhook_id_idx on webhook_secrets (webhook_id, id);

comment on table webhook_secrets is 'What signs the deliveries of a webhook.';
comment on column webhook_secrets.secret is 'whsec_ and 32 random bytes in base64; as it is, since it has to sign.';
comment on column webhook_secrets.replaced_at is 'When a new secret was made; this one signs along for 24 hours. Null: it is the newest.';

create trigger webhooks_recorded
after insert or update or delete on webhooks
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('webhook', 'id', '', '', 'failing_since');

-- The webhooks that have something due, and a few of the deliveries of each.
create index deliveries_webhook_due_idx on deliveries (webhook_id, next_attempt_at, id)
where status = 'pending' and webhook_id is not null;

-- Only what administrators do: tests of webhooks, and deliveries that are sent again.
create trigger deliveries_recorded
after insert or update on deliveries
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change(
    'delivery',
    'id',
    'user_id',
    'id channel kind webhook_id reservation_id user_id status attempts next_attempt_at',
    ''
);

create procedure grant_reservation_roles_0046()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on webhooks, webhook_secrets to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on webhooks to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles_0046 is
'The part of grant_reservation_roles for the tables of webhooks.';

revoke execute on procedure grant_reservation_roles_0046 from public;

call grant_reservation_roles_0046();
