-- Posts the bodies of the file in BODIES: one body a line. The requests are made before, so that wrk takes little of the processors.
local bodies, n = {}, 0
init = function()
    for line in io.lines(os.getenv("BODIES")) do
        bodies[#bodies + 1] = wrk.format("POST", "/api/v1/events", { ["Content-Type"] = "application/json" }, line)
    end
end
request = function()
    n = n % #bodies + 1
    return bodies[n]
end
done = function(summary)
    io.write(string.format("requests %d errors %d seconds %.3f\n", summary.requests,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, summary.duration / 1e6))
end
