-- SPDX-License-Identifier: ISC
--
-- load.lua - wrk's requests, and its figures as one line of JSON
--
--   wrk ... -s load.lua URL -- KIND KEY COUNT [raw [PAUSE]]
--
-- KIND unique: a POST with a new key, KEY-<thread>-<number>
--      repeat: a POST with one of COUNT keys, KEY<number>, in turn
--      random: a POST with one of COUNT keys, at random
--      get:    a GET
-- raw: every latency is measured here and kept, for percentiles without wrk's correction; this
--      needs one connection for each thread.  PAUSE: milliseconds between an answer and the next
--      request, so that what a server does after its answer is not counted to the next.
local threads = {}
local ffi

function setup(thread)
    table.insert(threads, thread)
    thread:set("number", #threads)
end

function init(args)
    local kind, key, count = args[1], args[2], tonumber(args[3])
    local path, n = wrk.path, 0
    local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }

    local function post(name)
        headers["Idempotency-Key"] = '"' .. name .. '"'
        return wrk.format("POST", path, headers, "a=1")
    end
    local make
    if kind == "unique" then
        make = function() n = n + 1; return post(key .. "-" .. number .. "-" .. n) end
    elseif kind == "repeat" then
        local all = {}
        for i = 0, count - 1 do all[i] = post(key .. i) end
        n = number * 7
        make = function() n = n + 1; return all[n % count] end
    elseif kind == "random" then
        math.randomseed(os.time() + number)
        make = function() return post(key .. math.random(0, count - 1)) end
    else
        local get = wrk.format("GET", path)
        make = function() return get end
    end
    request = make
    if args[4] == "raw" then keep_latencies(make) end
    local pause = tonumber(args[5] or 0)
    if pause > 0 then delay = function() return pause end end
end

function keep_latencies(make)
    ffi = require("ffi")
    ffi.cdef [[ struct stamp { long s, ns; }; int clock_gettime(int, struct stamp *); ]]
    local stamp = ffi.new("struct stamp")
    local function now_us()
        ffi.C.clock_gettime(1, stamp)
        return tonumber(stamp.s) * 1e6 + tonumber(stamp.ns) / 1e3
    end
    local started
    latencies = {}
    request = function()
        local bytes = make()
        started = now_us()
        return bytes
    end
    response = function() latencies[#latencies + 1] = now_us() - started end
end

function done(summary, latency, _)
    local all = {}
    for _, thread in ipairs(threads) do
        local list = thread:get("latencies")
        if list then for _, us in ipairs(list) do all[#all + 1] = us end end
    end
    table.sort(all)
    local function percentile(p)
        if #all == 0 then return p < 100 and latency:percentile(p) or latency.max end
        return all[math.max(1, math.ceil(#all * p / 100))]
    end
    local e = summary.errors
    io.write(string.format('\nRESULT {"requests":%d,"us":%d,"bytes":%d,"status":%d,"connect":%d,' ..
        '"read":%d,"write":%d,"timeout":%d,"p50":%.1f,"p99":%.1f,"p999":%.1f,"max":%.1f}\n',
        summary.requests, summary.duration, summary.bytes, e.status, e.connect, e.read, e.write,
        e.timeout, percentile(50), percentile(99), percentile(99.9), percentile(100)))
end
