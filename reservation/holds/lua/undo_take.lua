-- Releases what a failed hold has taken, or may have taken, or what a hold has given up. It may come late, also after its
-- client has repeated the request and got the hold that PostgreSQL had after all: then nothing is released.
-- KEYS map, held, seat...; ARGV reservation, seat id..., the value of the reservation's `kept` key when it was read ('': none)
local kept = table.remove(ARGV)
if (redis.call('GET', KEYS[1] .. ':kept:' .. ARGV[1]) or '') ~= kept then return end
-- include release_seats
