-- Rebuilds a showtime's keys from PostgreSQL's live holds. The first of two concurrent calls does it: the second may have
-- an older view, and must not overwrite holds that were taken since.
-- KEYS map, held, seat...; ARGV version, then seat id, reservation, ttl_ms for each seat
if redis.call('EXISTS', KEYS[1]) == 1 then return end
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 3, #KEYS do
  local at = 2 + (i - 3) * 3
  redis.call('SET', KEYS[i], ARGV[at + 1], 'NX', 'PX', ARGV[at + 2])
  redis.call('ZADD', KEYS[2], now_ms + redis.call('PTTL', KEYS[i]), ARGV[at])
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'layout', ARGV[1])
-- include keep_for_a_week
