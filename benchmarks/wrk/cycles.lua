-- Whole cycles: holds of four free seats, each confirmed, or with FINISH=pay paid, as soon as its answer is there:
--
--   SEATS=... TOKENS=... START=0 wrk -t1 -c64 -d5s -s benchmarks/wrk/cycles.lua http://127.0.0.1:8000
--
-- wrk's callbacks know threads and no connections. So an answered hold goes into its thread's queue, and the next
-- request of whichever connection finishes it; while the queue is empty, the next request is a hold.
-- See walk.lua for the variables. Counts `confirmed`, the answers to what finishes a cycle.
REPORTED = { confirmed = "sum", held = "sum", walked = "max", ran_out = "sum" }
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "report.lua")
dofile(here .. "walk.lua")

local queue, first, last = {}, 1, 0

function init()
  walk.open()
  confirmed, held = 0, 0
end

function request()
  if first > last then return walk.hold() end
  local following = queue[first]
  queue[first] = nil
  first = first + 1
  return following
end

function response(status, headers, body)
  if status == 200 or status == 201 and body:sub(1, 12) == '{"payment_id' then
    confirmed = confirmed + 1
  elseif status == 201 then
    held = held + 1
    local id, showtime_id = body:match('^{"id":"([%x-]+)"'), body:match('"showtime_id":(%d+)')
    assert(id, body)
    last = last + 1
    queue[last] = walk.finish(id, showtime_id)
  elseif not first_failure then
    first_failure = status .. " " .. body
  end
end
