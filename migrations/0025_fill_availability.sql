-- transactional: false
-- Fills what 0024 added, room by room and a thousand showtimes at a time, each batch committed by itself, and builds the
-- index of the lists by price. It may be stopped and run again from its beginning. The service's jobs count the taken seats.
-- Longest lock: no key update on one room while its seats are counted (3 ms for 10,000), for which only other changes of
-- the room wait; share update exclusive on showtimes while the index is built, for which no sale waits.

set lock_timeout = '5s';

do $$
declare
    room_id bigint := 0;
begin
    loop
        select min(a.id) into room_id
        from auditoriums as a
        where a.id > room_id;
        exit when room_id is null;
        -- The seats are counted after the lock, as by the trigger.
        perform from auditoriums
        where id = room_id
        for no key update;
        update auditoriums
        set
            seat_count = (
                select count(*)
                from seats as s
                where s.auditorium_id = room_id and s.retired_at is null
            ),
            lowest_modifier = (
                select min(s.price_modifier)
                from seats as s
                where s.auditorium_id = room_id and s.retired_at is null
            )
        where id = room_id;
        commit;
    end loop;
end
$$;

do $$
declare
    first_id bigint := 0;
    last_id bigint;
begin
    loop
        last_id := (
            select max(batch.id)
            from (
                select st.id
                from showtimes as st
                where st.id > first_id
                order by st.id
                limit 1000
            ) as batch
        );
        exit when last_id is null;
        -- The rooms first, as every writer of showtimes and seats locks them.
        perform from auditoriums
        where id = any(array(select st.auditorium_id from showtimes as st where st.id > first_id and st.id <= last_id))
        order by id
        for key share;
        update showtimes as st
        set price_from = round(st.base_price * a.lowest_modifier, 2)
        from auditoriums as a
        where
            st.id > first_id and st.id <= last_id
            and a.id = st.auditorium_id
            and st.price_from is distinct from round(st.base_price * a.lowest_modifier, 2);
        commit;
        first_id := last_id;
    end loop;
end
$$;

-- What an interrupted attempt may have left, which may not be valid.
drop index concurrently if exists showtimes_price_from_idx;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists showtimes_price_from_idx
on showtimes (status, price_from, id) include (starts_at, auditorium_id, movie_id);
