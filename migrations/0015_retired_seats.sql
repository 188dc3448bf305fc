-- A seat that history may refer to is retired, not deleted, and another may then take its place in the room. The index has
-- retired_at as its last column, instead of a condition, so that it also finds all the seats of a room: for the deletion of
-- the room, and for the statements of the version before. Nulls are not distinct: a place has one seat in use.

set local lock_timeout = '5s';

-- Within the transaction: seats are few, and only an administrator who changes some waits for it.
-- squawk-ignore require-concurrent-index-creation
create unique index seats_position_new_key
on seats (auditorium_id, char_length(row_label), row_label, seat_number, retired_at) nulls not distinct;
-- squawk-ignore require-concurrent-index-deletion
drop index seats_position_key;
-- squawk-ignore renaming-object
alter index seats_position_new_key rename to seats_position_key;

create function refuse_seat_deletion()
returns trigger
language plpgsql
as $$
begin
    if exists (select from deleted as d inner join showtimes as st on d.auditorium_id = st.auditorium_id) then
        raise foreign_key_violation using
            table = 'showtimes',
            message = 'seats of a room that has showtimes are retired, not deleted';
    end if;
    return null;
end
$$;

comment on function refuse_seat_deletion is
'Refuses to delete a seat of a room that has showtimes: their reservations may have it in their arrays.';

create trigger seats_deletion_refused after delete on seats
referencing old table as deleted
for each statement execute function refuse_seat_deletion();
