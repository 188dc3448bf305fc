/* cinemas/insert_cinema
Inserts a cinema.
Plan: one insert.
$1 text name: 1 to 200 characters
$2 text address: may be empty
$3 text timezone: IANA name
Sample: select 'Sample', '', 'Europe/Berlin'
*/
insert /* cinemas/insert_cinema */ into cinemas (name, address, timezone)
values ($1, $2, $3)
returning id, name, address, timezone, created_at, updated_at;
