-- Admits as many as are due. Uses KEYS room, queue, seen, admitted; ARGV on_sale, per_second, admission, live; the local `now`.
-- All times are microseconds. Admissions begin 3 s after the room was made: a Redis that has lost its data is told the places
-- by those who wait, and the first of them ask every 2 s. `given` is never later than 3 s from now or the start of the sale: the
-- start may have been moved to an earlier time, or another server's clock may have been ahead.
local on_sale, per_second, admission = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local alive_since = now - ARGV[4]
local given = tonumber(redis.call('HGET', KEYS[1], 'given')) -- the time up to which admissions were given
local was_given = given
given = math.max(math.min(given or now + 3000000, now + 3000000), on_sale)
local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', alive_since, 'LIMIT', 0, 100)
if #gone > 0 then
  redis.call('ZREM', KEYS[2], unpack(gone))
  redis.call('ZREM', KEYS[3], unpack(gone))
end
given = math.max(given, now - 1000000) -- at most one second is made up for
local due = math.floor((now - given) * per_second / 1000000)
for _ = 1, 10 do
  if due <= 0 then break end
  local first = redis.call('ZPOPMIN', KEYS[2], due)
  if #first == 0 then break end
  for i = 1, #first, 2 do
    local seen = redis.call('ZSCORE', KEYS[3], first[i])
    redis.call('ZREM', KEYS[3], first[i])
    if seen and tonumber(seen) > alive_since then
      redis.call('ZADD', KEYS[4], string.format('%.0f', now + admission), first[i])
      redis.call('EXPIRE', KEYS[4], 604800)
      given = given + 1000000 / per_second
      due = due - 1
    end
  end
end
if given ~= was_given then redis.call('HSET', KEYS[1], 'given', string.format('%.0f', given)) end
if not was_given then redis.call('EXPIRE', KEYS[1], 604800) end
