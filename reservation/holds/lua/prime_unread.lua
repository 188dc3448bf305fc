-- Rebuilds a showtime's keys as prime.lua does, from what PostgreSQL said before anybody has asked Redis for the showtime.
-- It has no ticket; Redis must have kept all that was written since before PostgreSQL was read (kept_since.lua).
-- `run` is no key of the showtime, so it is none of KEYS: they are in one cluster slot.
-- KEYS map, held, seat...; ARGV since, version, then seat id, reservation, ttl_ms for each seat, run
local run = table.remove(ARGV)
if redis.call('EXISTS', KEYS[1]) == 1 then return end
local since = redis.call('GET', run .. ':kept_since')
if since ~= ARGV[1] or string.match(since, '^%w*') ~= (redis.call('GET', run) or '') then return end
-- include write_prime
-- include keep_for_a_week
