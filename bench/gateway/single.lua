-- A single event in each request, of 10,000 items.
local n = 0
request = function()
    n = (n * 7919 + 17) % 10007
    return wrk.format("POST", "/api/v1/events", { ["Content-Type"] = "application/json" },
        '{"item_id":"item_' .. n .. '","timestamp":"' .. os.date("!%Y-%m-%dT%H:%M:%SZ") .. '","source":"source_' .. n % 10 .. '"}')
end
done = function(summary)
    io.write(string.format("requests %d errors %d seconds %.3f\n", summary.requests,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, summary.duration / 1e6))
end
