/* seed/lock_parents
Takes the locks that foreign key checks would take on the rows generated reservations refer to, once a row instead of
once a reference, and holds them until the transaction ends: nobody can delete a row that is about to be referred to.
The transaction then idles for as long as the load takes, so its time limit is lifted.
Plan: index scans on showtimes_auditorium_id_idx, seats_position_key and users_pkey, or sequential ones where a run is
most of a table.
$1 bigint[] auditorium_ids: the generated rooms
$2 bigint[] user_ids: the generated customers
*/
with locked_showtimes as (
    select id from showtimes
    where auditorium_id = any($1)
    for key share
),

locked_seats as (
    select id from seats
    where auditorium_id = any($1)
    for key share
),

locked_users as (
    select id from users
    where id = any($2)
    for key share
)

select
    (select count(*) from locked_showtimes) as showtimes,
    (select count(*) from locked_seats) as seats,
    (select count(*) from locked_users) as users,
    set_config('idle_in_transaction_session_timeout', '0', true) as idle_limit;
