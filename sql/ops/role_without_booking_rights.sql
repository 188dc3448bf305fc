/* ops/role_without_booking_rights
The role that the session has, if it may not do what a hold and its confirmation do; no row if it may, or if there are no such
tables yet. A right to some of the columns is enough.
Plan: no table.
*/
select /* ops/role_without_booking_rights */ current_user::text as role
from
    (
        values
        (to_regclass('reservations'), 'insert'),
        (to_regclass('reservations'), 'update'),
        (to_regclass('booked_seats'), 'insert')
    ) as needed (relation, privilege)
group by current_user
having bool_or(not has_any_column_privilege(relation, privilege));
