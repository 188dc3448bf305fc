-- Shared by all scripts: the line of JSON at the end, and a number for each thread.
-- A script names the counters that it keeps as global numbers in REPORTED before it includes this, and says what is
-- reported for all threads: their "sum" or their "max".

-- Ends wrk with one line that says what is wrong.
function fail(message)
  io.stderr:write(message, "\n")
  os.exit(1)
end

-- A number from the environment.
function number_of(variable, default)
  local value = os.getenv(variable)
  return tonumber(value or default) or fail(variable .. " has to be a number, not " .. value)
end

-- The lines of the file that a variable names, each taken apart by the first pattern that matches: a list of lists.
function lines_of(variable, form, ...)
  local path = os.getenv(variable)
  if not path or path == "" then
    fail(variable .. " is not set: it has to name a file with " .. form .. " a line; see benchmarks/README.md")
  end
  local file, problem = io.open(path)
  if not file then fail(variable .. ": " .. problem) end
  if not file:read(0) then fail(variable .. ": " .. path .. " is empty, or no file") end
  local found = {}
  for line in file:lines() do
    local parts = {}
    for _, pattern in ipairs({ ... }) do
      parts = { line:match(pattern) }
      if #parts > 0 then break end
    end
    if #parts == 0 then fail(string.format("%s: %s, line %d is not %s", variable, path, #found + 1, form)) end
    found[#found + 1] = parts
  end
  file:close()
  return found
end

-- The GETs of the file REQUESTS, with the Accept-Encoding of ENCODING.
function gets_of_requests()
  local requests = {}
  for _, parts in ipairs(lines_of("REQUESTS", "`PATH TOKEN|- ETAG|-`", "^(/%S*) (%S+) (%S+)$")) do
    local path, token, etag = unpack(parts)
    local headers = {}
    if token ~= "-" then headers["Authorization"] = "Bearer " .. token end
    if os.getenv("ENCODING") then headers["Accept-Encoding"] = os.getenv("ENCODING") end
    if etag ~= "-" then headers["If-None-Match"] = etag end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
  return requests
end

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
  int getpid(void);
  int kill(int pid, int signal);
]]
local MONOTONIC, SIGINT = 1, 2
local threads = {}

local function microseconds()
  local now = ffi.new("instant")
  ffi.C.clock_gettime(MONOTONIC, now)
  return tonumber(now.seconds) * 1e6 + tonumber(now.nanoseconds) / 1e3
end

-- For work that has an end of its own: clock.start() at the first request, clock.stop() instead of one more. What is
-- under way then is cut off, as it is at the end of the time.
clock = {}
local started_us

function clock.start()
  started_us = microseconds()
end

function clock.stop()
  if stopped_us then return end
  stopped_us = microseconds() - started_us
  wrk.thread:stop()
  ffi.C.kill(ffi.C.getpid(), SIGINT)  -- wakes wrk, which else sleeps until the end of the time
end

function setup(thread)
  thread:set("thread_number", #threads)
  threads[#threads + 1] = thread
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', " "):sub(1, 300) .. '"'
end

function done(summary, latency)
  local elapsed, failure, counts, expected = summary.duration, "", {}, 0
  for name, how in pairs(REPORTED or {}) do
    local total = 0
    for _, thread in ipairs(threads) do
      local count = thread:get(name) or 0
      total = how == "max" and math.max(total, count) or total + count
    end
    counts[#counts + 1] = string.format('"%s": %d', name, total)
    if name == "refused" then expected = total end  -- answers 409 that the script counts are no errors
  end
  local stopped = 0
  for _, thread in ipairs(threads) do
    stopped = math.max(stopped, thread:get("stopped_us") or 0)
    failure = thread:get("first_failure") or failure
  end
  if stopped > 0 then elapsed = stopped end  -- the work had an end before the time had
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"requests": %d, "elapsed_us": %d, "bytes": %d, "counts": {%s}, "first_failure": %s, ' ..
    '"errors": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}, ' ..
    '"latency_us": {"p50": %d, "p90": %d, "p99": %d, "p99.9": %d, "max": %d}}\n',
    summary.requests, elapsed, summary.bytes, table.concat(counts, ", "), quoted(failure),
    errors.connect, errors.read, errors.write, math.max(0, errors.status - expected), errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
