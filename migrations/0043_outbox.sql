-- Events, from which customers get mails, and other systems calls of webhooks and GET /changes.
-- outbox: the statement that makes a change also inserts its event here, so that both are committed or neither. It is a queue,
-- without any index but its key, since holds and confirms write it. events: the same in the order of commits, kept for 30 days.
-- Only one transaction at a time moves rows from one to the other, so ids of events become visible in their order. deliveries:
-- a mail, or an event for a webhook, that is to be sent, with its retries.
-- From here on grant_reservation_roles calls every procedure named grant_reservation_roles_NNNN, so that a migration with grants
-- only adds its own.
-- The version that is running writes none of them: its holds and confirms cause no events.
-- Longest lock: share row exclusive on showtimes, for which its writers wait: less than 2 ms; 0.1 s in all.

set local lock_timeout = '5s';

create table outbox (
    id bigint generated always as identity,
    type text not null,
    reservation_id uuid,
    showtime_id bigint,
    data jsonb,
    created_at timestamptz not null default clock_timestamp(),
    constraint outbox_pkey primary key (id)
)
with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 5000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 100000
);

comment on table outbox is
'Events that are not in the table events yet, written in the transaction that does the deed; the relay moves them.';
comment on column outbox.type is 'Such as reservation.confirmed; docs/client/webhooks.md lists them.';
comment on column outbox.data is
'The payload; null for reservation events, whose payload is read from reservations and reservation_changes when it is sent.';
comment on column outbox.created_at is
'By clock_timestamp(), under the lock of the reservation, so that times of a reservation are in order.';

create table events (
    id bigint generated always as identity,
    event_id uuid not null default gen_random_uuid(),
    type text not null,
    reservation_id uuid,
    showtime_id bigint,
    data jsonb,
    created_at timestamptz not null,
    constraint events_pkey primary key (id)
)
with (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 50000,
    autovacuum_freeze_min_age = 0
);

comment on table events is
'What happened, in the order of commits, for 30 days. Only the relay inserts, under a lock, so no id becomes visible after a higher one.';
comment on column events.event_id is 'The id that clients get, the same in each repeat.';
comment on column events.data is 'As in outbox.';
comment on column events.created_at is 'When it happened.';

create table event_feed (
    only_row boolean not null default true,
    deleted_through bigint not null default 0,
    constraint event_feed_pkey primary key (only_row),
    constraint event_feed_only_row_check check (only_row)
);
insert into event_feed default values;

comment on table event_feed is 'How far the feed of events has been deleted; one row.';
comment on column event_feed.deleted_through is 'All events up to this id are deleted: a reader who has not got further has missed some.';

create table deliveries (
    id bigint generated always as identity,
    channel text not null,
    kind text not null,
    event_id bigint,
    webhook_id bigint,
    reservation_id uuid,
    showtime_id bigint,
    user_id bigint,
    data jsonb,
    status text not null default 'pending',
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    last_error text,
    last_status_code integer,
    last_duration_ms integer,
    constraint deliveries_pkey primary key (id),
    constraint deliveries_channel_check check (channel in ('mail', 'webhook')),
    constraint deliveries_status_check check (status in ('pending', 'delivered', 'dead')),
    constraint deliveries_webhook_id_check check ((channel = 'webhook') = (webhook_id is not null)),
    constraint deliveries_ended_at_check check ((status = 'pending') = (ended_at is null)),
    constraint deliveries_attempts_check check (attempts >= 0)
)
with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.02
);

create index deliveries_due_idx on deliveries (channel, next_attempt_at, id) where status = 'pending';
create index deliveries_order_idx on deliveries (reservation_id, channel, webhook_id, id)
where status = 'pending' and reservation_id is not null;
create index deliveries_webhook_id_idx on deliveries (webhook_id, id) where webhook_id is not null;
create index deliveries_dead_idx on deliveries (id) where status = 'dead';

comment on table deliveries is
'A mail, or an event for a webhook, that is sent at least once. A delivery that is due is claimed by moving next_attempt_at on.';
comment on column deliveries.channel is 'mail or webhook.';
comment on column deliveries.kind is 'The template of the mail, or the type of the event.';
comment on column deliveries.event_id is 'The id in events; null: it is of no event.';
comment on column deliveries.reservation_id is
'Deliveries of one reservation are made in the order of their ids, for each channel and webhook.';
comment on column deliveries.data is 'What the channel needs besides; deleted when the delivery has ended.';
comment on column deliveries.status is 'pending, delivered, or dead: given up, and only sent again by an administrator.';
comment on column deliveries.attempts is 'How often it was claimed.';
comment on column deliveries.next_attempt_at is 'When it is due, or while it is claimed when the claim ends.';
comment on column deliveries.last_error is 'Why the last attempt failed; names no person.';
comment on column deliveries.last_status_code is 'What the webhook''s server or the mail server answered last.';

create function instant_text(value timestamptz)
returns text
language sql
stable
strict
as $$
    select
        to_char(value at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
        || case when extract(microseconds from value)::bigint % 1000000 <> 0 then to_char(value, '.US') else '' end
        || 'Z'
$$;

comment on function instant_text is 'A time as clients get it: RFC 3339 in UTC, with microseconds if there are any.';

create function showtime_json(row_json jsonb)
returns jsonb
language sql
stable
as $$
    select jsonb_object_agg(
        name,
        case
            when name like '%\_at' then to_jsonb(instant_text((row_json ->> name)::timestamptz))
            when name = 'base_price' then to_jsonb(row_json ->> name)
            else row_json -> name
        end
    )
    from unnest(
        '{id,movie_id,auditorium_id,starts_at,ends_at,base_price,format,audio_language,subtitle_language,on_sale_at,sales_end_at,
        status,cancelled_at,cancel_reason}'::text[]
    ) as member (name)
$$;

comment on function showtime_json is 'A row of showtimes as the payload of an event has it, from to_jsonb of the row.';

create function tell_showtime_change()
returns trigger
language plpgsql
as $$
declare
    was jsonb := showtime_json(to_jsonb(old));
    now_is jsonb := showtime_json(to_jsonb(new));
    changed text[] := array(
        select member.key
        from jsonb_each(now_is) as member
        where member.value is distinct from was -> member.key
        order by member.key
    );
begin
    insert into outbox (type, showtime_id, data)
    values (
        case
            when new.status = 'cancelled' and old.status <> 'cancelled' then 'showtime.cancelled'
            else 'showtime.changed'
        end,
        new.id,
        jsonb_build_object(
            'showtime', now_is,
            'changed', to_jsonb(changed),
            'before', (
                select jsonb_object_agg(name, was -> name)
                from unnest(changed) as each (name)
            )
        )
    );
    return null;
end
$$;

comment on function tell_showtime_change is
'Writes an event for a showtime that is changed or called off; a trigger, so that all ways to change one count.';

create trigger showtimes_change_told
after update on showtimes
for each row
when (
    old.movie_id is distinct from new.movie_id
    or old.auditorium_id is distinct from new.auditorium_id
    or old.starts_at is distinct from new.starts_at
    or old.ends_at is distinct from new.ends_at
    or old.base_price is distinct from new.base_price
    or old.format is distinct from new.format
    or old.audio_language is distinct from new.audio_language
    or old.subtitle_language is distinct from new.subtitle_language
    or old.on_sale_at is distinct from new.on_sale_at
    or old.sales_end_at is distinct from new.sales_end_at
    or old.status is distinct from new.status
)
execute function tell_showtime_change();

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0035;

create procedure grant_reservation_roles_0043()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on outbox, events from reservation_app;
        grant select, insert, delete on outbox, events to reservation_app;
        grant select, insert, update, delete on deliveries to reservation_app;
        revoke insert, delete on event_feed from reservation_app;
        grant select, update on event_feed to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on outbox, events, event_feed to reservation_readonly;
        -- Not `data`, which may have an address.
        grant select (
            id, channel, kind, event_id, webhook_id, reservation_id, showtime_id, user_id, status, attempts, next_attempt_at,
            created_at, ended_at, last_error, last_status_code, last_duration_ms
        ) on deliveries to reservation_readonly;
    end if;
end
$$;

create procedure grant_reservation_roles()
language plpgsql
as $$
declare
    own record;
begin
    -- 0035 calls those before it.
    for own in
        select oid::regprocedure as signature
        from pg_proc
        where
            proname >= 'grant_reservation_roles_0035'
            and proname ~ '^grant_reservation_roles_[0-9]{4}$'
            and pg_function_is_visible(oid)
        order by proname
    loop
        execute 'call ' || own.signature;
    end loop;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;
revoke execute on procedure grant_reservation_roles_0043 from public;

call grant_reservation_roles();
