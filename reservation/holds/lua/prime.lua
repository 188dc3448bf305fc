-- Rebuilds a showtime's keys from PostgreSQL's live holds. A call whose ticket is gone does nothing: another call has primed
-- the showtime, and this one may have an older view and must not overwrite holds that were taken since; or Redis has lost
-- its data since PostgreSQL was read, and with them holds that may be committed by now.
-- KEYS map, held, seat...; ARGV ticket, version, then seat id, reservation, ttl_ms for each seat
if redis.call('GET', KEYS[1] .. ':priming') ~= ARGV[1] then return end
-- include write_prime
-- include keep_for_a_week
