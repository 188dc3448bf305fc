set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0023() rename to grant_reservation_roles;

drop trigger showtimes_price_from on showtimes;
drop function set_price_from();
create or replace function raise_layout_versions()
returns trigger
language plpgsql
as $$
declare
    rooms bigint[] := array(select distinct c.auditorium_id from changed as c order by c.auditorium_id);
begin
    if tg_op = 'UPDATE' then -- a seat may have moved to another room
        rooms := rooms || array(select distinct b.auditorium_id from before as b);
    end if;
    update auditoriums set plan_version = plan_version + 1
    where id = any(rooms);
    -- FOR UPDATE waits for the holds that are being written: they are committed before the change, or see it.
    perform from showtimes
    where auditorium_id = any(rooms) and ends_at > now()
    order by id
    for update;
    update showtimes set layout_version = layout_version + 1
    where auditorium_id = any(rooms) and ends_at > now();
    return null;
end
$$;

comment on function raise_layout_versions is
'Raises plan_version and layout_version after a change of seats; changed: the rows before or after it.';

alter table showtimes drop column price_from;
alter table auditoriums
drop column seat_count,
drop column lowest_modifier;
drop table showtime_availability;
