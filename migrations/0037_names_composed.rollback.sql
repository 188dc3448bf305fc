-- The names stay in form NFC, which the version before reads as well.
set local lock_timeout = '5s';

select 1;
