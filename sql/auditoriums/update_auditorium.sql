/* auditoriums/update_auditorium
Replaces everything about a room but its seats; its row is locked by the caller, who has counted them.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: which
$2 text name: 1 to 200 characters
$3 integer capacity: most seats it may have
$4 jsonb extra_metadata: an object
$5 text focal_row: label of the row with the best view; null for the one two thirds back
Sample: select a.id, a.name, a.capacity, a.extra_metadata, a.focal_row from (select) as one left join (select id, name,
capacity, extra_metadata, focal_row from auditoriums order by id limit 1) as a on true
*/
update /* auditoriums/update_auditorium */ auditoriums
set
    name = $2,
    capacity = $3,
    extra_metadata = $4,
    focal_row = $5,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, name, capacity, extra_metadata, focal_row, created_at, updated_at;
