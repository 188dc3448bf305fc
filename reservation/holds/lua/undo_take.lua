-- Releases what a failed hold has taken, or may have taken. It may come late, also after its client has repeated the
-- request and got the hold that PostgreSQL had after all: then nothing is released.
-- KEYS map, held, seat...; ARGV reservation, seat id...
if redis.call('EXISTS', KEYS[1] .. ':kept:' .. ARGV[1]) == 1 then return end
-- include release_seats
