/* auditoriums/insert_auditorium
Adds a room, without seats yet.
Plan: one insert.
$1 text name: 1 to 200 characters
$2 integer capacity: most seats it may have
$3 jsonb extra_metadata: an object
*/
insert into auditoriums (name, capacity, extra_metadata)
values ($1, $2, $3)
returning id, name, capacity, extra_metadata, created_at, updated_at;
