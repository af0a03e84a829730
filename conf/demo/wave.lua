-- A client with think time, for wrk: each connection asks, reads, waits about THINK_MS, asks again.
-- At the end one JSON line: counts, failures by kind, and the whole latency histogram, so that the
-- figures of several runs can be added up exactly.

local think_ms = tonumber(os.getenv("THINK_MS") or "0")
local seed = tonumber(os.getenv("SEED") or "1")
local threads = {}

not_ok = 0

function setup(thread)
  thread:set("id", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  math.randomseed(seed * 1000 + id)
end

function delay()
  return math.floor(think_ms * (0.5 + math.random()))
end

function response(status, headers, body)
  if status < 200 or status > 299 then
    not_ok = not_ok + 1
  end
end

function done(summary, latency, requests)
  local refused = 0
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("not_ok")
  end
  local histogram = {}
  for i = 1, #latency do
    local microseconds, count = latency(i)
    histogram[i] = string.format("[%d,%d]", microseconds, count)
  end
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"not_ok":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,' ..
    '"latency":[%s]}\n',
    summary.requests, summary.duration, refused, e.connect, e.read, e.write, e.timeout,
    table.concat(histogram, ",")))
end
