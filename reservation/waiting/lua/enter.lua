-- Gives a customer a place in the queue, or finds it, and admits as many as are due.
-- KEYS room, queue, seen, admitted, address; ARGV on_sale, per_second, admission, live, customer, lot, place of the ticket or '',
-- most (of the address; 0: no limit).
-- A place is the lot, which is negative, or the time of joining; the least place is the first. An admission that has ended is
-- spent: the ticket that led to it is good for no other, and the customer waits again, as the last.
-- The address has a set of the customers who joined from it. Those who do not wait any more are only removed from it when there
-- seems to be no room.
-- Returns {now, 2, 0, 0, 0} if the address has too many, {now, 1, when the admission ends, 0, 0}, or {now, 0, place, how many are
-- before it, how many wait}.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local customer = ARGV[5]
local ends = tonumber(redis.call('ZSCORE', KEYS[4], customer) or nil)
local has_joined = false
if not redis.call('ZSCORE', KEYS[2], customer) and not (ends and ends > now) then
  local place = tonumber(ARGV[7])
  if ends and place and place <= ends - ARGV[3] then place = nil end
  if not place then place = (now < tonumber(ARGV[1]) and not ends) and tonumber(ARGV[6]) or now end
  local most = tonumber(ARGV[8])
  if most > 0 then
    if redis.call('SCARD', KEYS[5]) >= most then
      for _, other in ipairs(redis.call('SMEMBERS', KEYS[5])) do
        if not redis.call('ZSCORE', KEYS[2], other) then redis.call('SREM', KEYS[5], other) end
      end
      if redis.call('SCARD', KEYS[5]) >= most then return {now, 2, 0, 0, 0} end
    end
    redis.call('SADD', KEYS[5], customer)
    redis.call('EXPIRE', KEYS[5], 604800)
  end
  redis.call('ZADD', KEYS[2], string.format('%.0f', place), customer)
  has_joined = true
end
if redis.call('ZSCORE', KEYS[2], customer) then redis.call('ZADD', KEYS[3], string.format('%.0f', now), customer) end
-- include pump
if has_joined then -- after the pump, which makes a key, too
  for i = 1, 3 do redis.call('EXPIRE', KEYS[i], 604800) end
end
local place = redis.call('ZSCORE', KEYS[2], customer)
if place then
  return {now, 0, tonumber(place), redis.call('ZRANK', KEYS[2], customer), redis.call('ZCARD', KEYS[2])}
end
return {now, 1, tonumber(redis.call('ZSCORE', KEYS[4], customer)), 0, 0}
