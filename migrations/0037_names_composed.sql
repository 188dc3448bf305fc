-- transactional: false
-- squawk-ignore-file ban-drop-function
-- Names that were stored before text was normalised get Unicode's form NFC, as if they were typed now: so that the same name is
-- the same text. Only rows that are not in this form are written, up to a thousand in each transaction, and none whose column would
-- be too short for it. Guests of the box office are left out: they are found by their names, and two could become one.
-- The version that is running goes on, and may write other forms meanwhile. It may be stopped and run again from its beginning.
-- Longest lock: of the rows of a batch, for some 10 ms.

set lock_timeout = '5s';

create or replace procedure compose_names(table_name text, column_name text, condition text default 'true')
language plpgsql
as $$
declare
    composed bigint[];
    last_id bigint := 0;
begin
    loop
        execute format(
            'select array_agg(batch.id) from (
                select t.id
                from %1$I as t
                where t.id > $1 and t.%2$I is not nfc normalized and %3$s
                order by t.id
                limit 1000
            ) as batch',
            table_name, column_name, condition
        ) into composed using last_id;
        exit when composed is null;
        execute format(
            'update %1$I as t
            set %2$I = normalize(t.%2$I, nfc), updated_at = greatest(clock_timestamp(), t.updated_at + interval ''1 microsecond'')
            where t.id = any($1) and char_length(normalize(t.%2$I, nfc)) <= char_length(t.%2$I)',
            table_name, column_name
        ) using composed;
        commit;
        last_id := (select max(each.id) from unnest(composed) as each (id));
    end loop;
end
$$;

call compose_names('movies', 'title');
call compose_names('movies', 'director');
call compose_names('movies', 'description');
call compose_names('cinemas', 'name');
call compose_names('cinemas', 'address');
call compose_names('auditoriums', 'name');
call compose_names('ticket_types', 'name');
call compose_names('users', 'name', 'not t.made_at_box_office');

drop procedure compose_names(text, text, text);
