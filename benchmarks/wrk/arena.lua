-- A hold and then the map that it has changed, in turn, of one large showtime:
--
--   SHOW=1 SEATS=... TOKENS=... START=0 wrk -t1 -c1 -d5s -s benchmarks/wrk/arena.lua http://127.0.0.1:8000
--
-- With one connection every map is read after a hold, so none is drawn already. See walk.lua for the variables, and for
-- QUERY, which is added to the map's path. Counts `maps`.
REPORTED = { walked = "max", ran_out = "sum", maps = "sum" }
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "report.lua")
dofile(here .. "walk.lua")

local map, is_hold

function init()
  walk.open()
  maps = 0
  map = wrk.format("GET", "/showtimes/" .. os.getenv("SHOW") .. "/seats" .. (os.getenv("QUERY") or ""), {})
end

function request()
  is_hold = not is_hold
  return is_hold and walk.hold() or map
end

function response(status)
  if status == 200 then maps = maps + 1 end
end
