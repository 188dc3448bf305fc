/* ops/role_without_booking_rights
The session's role if it lacks a right that a hold, a confirm or a worker's start takes; no row if it has them all, or if the
tables do not exist yet. A right to some of the columns is enough.
Plan: no table.
*/
select /* ops/role_without_booking_rights */ current_user::text as role
from
    (
        values
        (to_regclass('reservations'), 'insert'),
        (to_regclass('reservations'), 'update'),
        (to_regclass('booked_seats'), 'insert'),
        (to_regclass('database_generation'), 'update'),
        (to_regclass('_yoyo_migration'), 'select')
    ) as needed (relation, privilege)
group by current_user
having bool_or(not has_any_column_privilege(relation, privilege));
