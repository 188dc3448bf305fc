-- Holds of four seats that are free:
--
--   SEATS=... TOKENS=... START=0 wrk -t1 -c64 -d5s -s benchmarks/wrk/holds.lua http://127.0.0.1:8000
--
-- See walk.lua for the variables, and `python -m benchmarks --by-hand 1` for something to run it on.
REPORTED = { walked = "max", ran_out = "sum" }
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "report.lua")
dofile(here .. "walk.lua")

function init()
  walk.open()
end

function request()
  return walk.hold()
end
