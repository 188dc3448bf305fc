-- With the table in a publication, PostgreSQL refuses UPDATE and DELETE of a table without a replica identity: "cannot delete from
-- table "booked_seats" because it does not have a replica identity and publishes deletes". So a cancel failed under logical
-- replication. All other tables have a primary key; this one has a unique constraint instead, whose index serves as well.
-- It costs nothing where no publication is: only with wal_level = logical a delete writes the two ids of its row to the WAL.
-- Longest lock: access exclusive on booked_seats, for a change of the catalogue: less than 2 ms.

set local lock_timeout = '5s';

alter table booked_seats replica identity using index booked_seats_showtime_id_seat_id_key;
