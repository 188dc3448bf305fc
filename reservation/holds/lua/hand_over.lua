-- Gives the seats that a hold still has to another one. Redis was loaded when PostgreSQL had both holds of a seat, of which
-- the first was not answered and has been cancelled since. Seats that it has not are left alone.
-- KEYS map, held, seat..., kept (of the other hold); ARGV from, to, ttl_ms, seat id...
local kept, clock = table.remove(KEYS), redis.call('TIME')
local holders = redis.call('MGET', unpack(KEYS, 3))
for i = 3, #KEYS do
  if holders[i - 2] == ARGV[1] then
    redis.call('SET', KEYS[i], ARGV[2], 'PX', ARGV[3])
    redis.call('ZADD', KEYS[2], clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[3], ARGV[i + 1])
    redis.call('SET', kept, string.format('%.0f', clock[1] * 1000000 + clock[2]), 'PX', ARGV[3])
  end
end
return {1}
