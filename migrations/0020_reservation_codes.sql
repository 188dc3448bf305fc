-- transactional: false
-- Each statement is a transaction of its own.
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts, ban-drop-constraint, constraint-missing-not-valid
-- Codes for the reservations that were there before 0019, beside the version that is running. The index comes first, so that
-- a code that is taken is noticed when it is written: its batch of a thousand is written again, with other codes. Each batch
-- is a transaction of its own and waits for no lock; what another session has locked comes in the next pass. The migration
-- may be stopped and run again from its beginning: rows that have a code are passed over.
-- Each row is written anew, and most of them not in their page, so have room for twice the table and its indexes.
-- Longest lock: access exclusive on reservations, 8 ms, since the check spares `set not null` its scan. A million
-- reservations take a minute and a half.

set lock_timeout = '5s';

drop index concurrently if exists reservations_code_key;

create unique index concurrently reservations_code_key on reservations (code);

do $$
declare
    first_id uuid;
    last_id uuid;
    unfilled boolean := true;
begin
    while unfilled loop
        first_id := '00000000-0000-0000-0000-000000000000';
        loop
            last_id := (
                select batch.id
                from (
                    select r.id
                    from reservations as r
                    where r.id > first_id
                    order by r.id
                    limit 1000
                ) as batch
                order by batch.id desc
                limit 1
            );
            exit when last_id is null;
            begin
                update reservations as r
                set code = new_reservation_code()
                from (
                    select l.id
                    from reservations as l
                    where l.id > first_id and l.id <= last_id and l.code is null
                    order by l.id
                    for no key update skip locked
                ) as batch
                where r.id = batch.id;
                first_id := last_id;
            exception
                when unique_violation then
                    null; -- with other codes the next time
            end;
            commit;
        end loop;
        unfilled := exists(select from reservations as r where r.code is null);
        perform pg_sleep(0.1) where unfilled;
        commit;
    end loop;
end
$$;

alter table reservations drop constraint if exists reservations_code_check;

alter table reservations add constraint reservations_code_check check (code is not null) not valid;

alter table reservations validate constraint reservations_code_check;

alter table reservations alter column code set not null;

alter table reservations drop constraint reservations_code_check;

do $$
declare
    first_id uuid := '00000000-0000-0000-0000-000000000000';
    last_id uuid;
begin
    loop
        last_id := (
            select batch.id
            from (
                select a.id
                from archived_reservations as a
                where a.id > first_id
                order by a.id
                limit 1000
            ) as batch
            order by batch.id desc
            limit 1
        );
        exit when last_id is null;
        update archived_reservations
        set code = new_reservation_code()
        where id > first_id and id <= last_id and code is null;
        commit;
        first_id := last_id;
    end loop;
end
$$;

alter table archived_reservations drop constraint if exists archived_reservations_code_check;

alter table archived_reservations add constraint archived_reservations_code_check check (code is not null) not valid;

alter table archived_reservations validate constraint archived_reservations_code_check;

alter table archived_reservations alter column code set not null;

alter table archived_reservations drop constraint archived_reservations_code_check;

drop index concurrently if exists archived_reservations_code_idx;

create index concurrently archived_reservations_code_idx on archived_reservations (code);
