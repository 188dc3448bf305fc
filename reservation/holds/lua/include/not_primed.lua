-- Ends a script that found no map: PostgreSQL is read with this ticket, and prime.lua takes it. A ticket that was lost
-- with all else does not come back: one is the time in microseconds. The ticket is no key of the caller's: a script with
-- a map does not touch it, and in a slot of a cluster that moves, a script runs only where all its keys are.
local ticket = redis.call('GET', KEYS[1] .. ':priming')
if not ticket then
  local clock = redis.call('TIME')
  ticket = string.format('%.0f', clock[1] * 1000000 + clock[2])
  redis.call('SET', KEYS[1] .. ':priming', ticket, 'PX', 10000)
end
do return {-1, tonumber(ticket)} end
