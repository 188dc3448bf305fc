-- The requests of a busy evening, COUNT of them:
--
--   COUNT=1000000 REQUESTS=... SEATS=... TOKENS=... START=0 wrk -t1 -c64 -d3600s -s benchmarks/wrk/mix.lua http://...
--
-- Of twenty requests one is a hold, two ask for the map of the showtime that it sells, and the others come from
-- REQUESTS, a file as for get.lua. See walk.lua for the variables. One thread of wrk only.
REPORTED = { walked = "max", ran_out = "sum" }
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "report.lua")
dofile(here .. "walk.lua")

local requests, at, last_map = {}, 0, nil
local count = number_of("COUNT", 10000)

function init()
  walk.open()
  requests = gets_of_requests()
end

function request()
  at = at + 1
  if at == 2 then clock.start() end
  if at > count then clock.stop() end
  local place = at % 20
  if place == 0 then
    local hold = walk.hold()
    last_map = wrk.format("GET", hold:match("^POST (/showtimes/%d+)") .. "/seats", {})
    return hold
  end
  if place <= 2 and last_map then return last_map end
  return requests[at % #requests + 1]
end
