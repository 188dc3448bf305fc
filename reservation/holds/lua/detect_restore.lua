-- Forgets all showtimes if PostgreSQL was restored: it is another database, or its generation is lower than it was. The
-- caller reads the hash, then asks PostgreSQL, then calls this, so a lower generation is never just an older reading.
-- KEYS database, and run unless all nodes of a cluster have forgotten the showtimes before (forget.lua)
-- ARGV identity and generation as they were read here ('' and 0: none), then PostgreSQL's identity, its generation, and the
-- generation to which that was raised
-- Returns 1 if the showtimes were forgotten, else 0.
local known = redis.call('HMGET', KEYS[1], 'identity', 'generation')
local identity, generation = known[1] or '', tonumber(known[2] or 0)
if identity ~= ARGV[1] or generation < tonumber(ARGV[2]) then return 0 end -- another worker has detected it
local restored = ARGV[1] ~= '' and (ARGV[3] ~= ARGV[1] or tonumber(ARGV[4]) < tonumber(ARGV[2]))
if restored then
  local run_key = KEYS[2]
  if run_key then
    -- include lose_run
  end
elseif tonumber(ARGV[5]) < generation then
  return 0
end
redis.call('HSET', KEYS[1], 'identity', ARGV[3], 'generation', ARGV[5])
return restored and 1 or 0
