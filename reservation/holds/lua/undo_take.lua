-- Releases what a failed hold has taken, or may have taken, or what a hold has given up. It may come late, also after its
-- client has repeated the request and got the hold that PostgreSQL had after all: then nothing is released.
-- KEYS map, held, seat..., kept; ARGV reservation, seat id..., the value of `kept` when it was read ('': none)
if (redis.call('GET', table.remove(KEYS)) or '') ~= table.remove(ARGV) then return end
-- include release_seats
