/* auditoriums/update_auditorium
Replaces all columns of a room. The caller has locked the room and counted its seats.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: the room
$2 text name: 1 to 200 characters
$3 integer capacity: the most seats it may have
$4 jsonb extra_metadata: a JSON object
$5 text focal_row: label of the row with the best view; null for the row two thirds back
$6 bigint cinema_id: its cinema; null for the only one, as in insert_auditorium
Sample: select a.id, a.name, a.capacity, a.extra_metadata, a.focal_row, a.cinema_id from (select) as one left join
(select id, name, capacity, extra_metadata, focal_row, cinema_id from auditoriums order by id limit 1) as a on true
*/
update /* auditoriums/update_auditorium */ auditoriums
set
    name = $2,
    capacity = $3,
    extra_metadata = $4,
    focal_row = $5,
    cinema_id = coalesce($6, (select case count(*) when 1 then min(c.id) end from cinemas as c)),
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, cinema_id, name, capacity, extra_metadata, focal_row, created_at, updated_at;
