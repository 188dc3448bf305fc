-- Whole cycles that are paid elsewhere: holds of four free seats, each paid as soon as its answer is there, by a member of
-- staff, and then confirmed by its holder. As cycles.lua, with PAYER, the access token of staff.
REPORTED = { confirmed = "sum", held = "sum", paid = "sum", walked = "max", ran_out = "sum" }
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "report.lua")
dofile(here .. "walk.lua")

local queue, first, last, showtimes = {}, 1, 0, {}
local payer = os.getenv("PAYER")

function init()
  walk.open()
  confirmed, held, paid = 0, 0, 0
  pay_tail = "/pay HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nAuthorization: Bearer " .. payer .. "\r\n\r\n"
end

function request()
  if first > last then return walk.hold() end
  local following = queue[first]
  queue[first] = nil
  first = first + 1
  return following
end

local function add(following)
  last = last + 1
  queue[last] = following
end

function response(status, headers, body)
  if status == 201 and body:sub(1, 12) == '{"payment_id' then
    paid = paid + 1
    local id = headers["Location"]:match("/reservations/([%x-]+)/")
    add(walk.confirm(id, showtimes[id]))
    showtimes[id] = nil
  elseif status == 201 then
    held = held + 1
    local id, showtime_id = body:match('^{"id":"([%x-]+)"'), body:match('"showtime_id":(%d+)')
    assert(id, body)
    showtimes[id] = showtime_id
    add("POST /reservations/" .. id .. pay_tail)
  elseif status == 200 then
    confirmed = confirmed + 1
  elseif not first_failure then
    first_failure = status .. " " .. body
  end
end
