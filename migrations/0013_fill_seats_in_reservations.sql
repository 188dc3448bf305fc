-- transactional: false
-- Writes the seats of the reservations that were there before 0012 into their rows, a thousand at a time, each batch in a
-- transaction of its own, beside the version that is running. It waits for no lock: what another session has locked comes
-- in the next pass. It may be stopped and run again from its beginning, which passes over what is filled.
-- Each row is written anew, so the table grows to up to twice its size, which the next vacuum gives back for new rows.

set lock_timeout = '5s';

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
            perform write_seat_arrays(array(
                select r.id
                from reservations as r
                where r.id > first_id and r.id <= last_id and r.seat_ids = '{}'
                order by r.id
                for no key update skip locked
            ));
            commit;
            first_id := last_id;
        end loop;
        -- One without any seats, which `reservation audit` reports, stays as it is.
        unfilled := exists(
            select
            from reservations as r
            where r.seat_ids = '{}' and exists (select from reservation_seats as rs where rs.reservation_id = r.id)
        );
        perform pg_sleep(0.1) where unfilled;
        commit;
    end loop;
end
$$;

alter table reservations validate constraint reservations_seats_check;
