-- Logins of one account after the other:
--
--   LOGINS=emails.txt PASSWORD=... wrk -t1 -c16 -d5s -s benchmarks/wrk/logins.lua http://127.0.0.1:8000
--
-- LOGINS: a file of e-mail addresses, one a line.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local logins, at = {}, 0

function init()
  local password = os.getenv("PASSWORD") or fail("PASSWORD is not set: it has to be that of the accounts in LOGINS")
  for _, parts in ipairs(lines_of("LOGINS", "one e-mail address", "^(%S+@%S+)$")) do
    local email = parts[1]
    local body = string.format('{"email": "%s", "password": "%s"}', email, password)
    logins[#logins + 1] = wrk.format("POST", "/auth/login", { ["Content-Type"] = "application/json" }, body)
  end
  at = thread_number
end

function request()
  at = at % #logins + 1
  return logins[at]
end
