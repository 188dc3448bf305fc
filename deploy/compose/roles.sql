-- The roles of the service, made once in a new database by its superuser: the owner, who migrates; the login of the service, which has
-- the rights of reservation_app; and reservation_readonly for people. Passwords come from files: no command line has them.
\set ON_ERROR_STOP on
\set owner_password `cat /run/secrets/owner_password`
\set service_password `cat /run/secrets/service_password`

create role reservation_app nologin;
create role reservation_readonly nologin;
create role reservation login password :'owner_password';
create role reservation_service login password :'service_password' in role reservation_app;

alter database reservation owner to reservation;
alter schema public owner to reservation;
revoke connect, temporary on database reservation from public;
grant connect, temporary on database reservation to reservation, reservation_app, reservation_readonly;
