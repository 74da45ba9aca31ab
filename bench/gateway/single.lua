-- A single event in each request, of 10,007 items. The requests are made before, so that wrk takes little of the processors.
local requests, n = {}, 0
init = function()
    local now = os.date("!%Y-%m-%dT%H:%M:%SZ")
    for i = 0, 10006 do
        requests[i] = wrk.format("POST", "/api/v1/events", { ["Content-Type"] = "application/json" },
            '{"item_id":"item_' .. i .. '","timestamp":"' .. now .. '","source":"source_' .. i % 10 .. '"}')
    end
end
request = function()
    n = (n * 7919 + 17) % 10007
    return requests[n]
end
done = function(summary)
    io.write(string.format("requests %d errors %d seconds %.3f\n", summary.requests,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, summary.duration / 1e6))
end
