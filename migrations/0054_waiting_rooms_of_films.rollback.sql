set local lock_timeout = '5s';

alter table movies drop column waiting_room;
