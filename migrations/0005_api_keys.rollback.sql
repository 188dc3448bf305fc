set local lock_timeout = '5s';

drop table api_keys;
