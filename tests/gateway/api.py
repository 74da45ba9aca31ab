"""The endpoints: what they answer is what SQL says."""
import datetime
import json
import urllib.parse

import subprocess
import time

from support import *

new_database("api")
sql("""
    CREATE FOREIGN TABLE sales (item_id text, ts timestamptz, event_id uuid, source int, pieces int DEFAULT 1) SERVER topk;
    SELECT topk.create_rollup('sales', 'sales', item => 'item_id', event_time => 'ts');
    CREATE TABLE names (item text PRIMARY KEY, title text); INSERT INTO names VALUES ('x', 'The X');
    SELECT topk.create_rollup('named', 'views', item => 'item_id', event_time => '"timestamp"', metadata => 'names', metadata_key => 'item');
    CREATE TABLE rows (item_id text CHECK (item_id <> 'forbidden'), ts timestamptz, source varchar(5), metadata jsonb, event_id uuid);
    SELECT topk.create_rollup('rows', 'rows', item => 'item_id', event_time => 'ts', accept_past => '100 years')""", database="api")
gateway = Gateway("api", "--stream", "sales", "--stream", "rows", "--stream", "absent", "--rollup", "sales", "--rollup", "named",
                  "--rollup", "rows", sanitized=True, wait=False)

with gateway as g:
    deadline = time.monotonic() + 10
    while g.send({"item_id": "x"}).status != 202 and time.monotonic() < deadline:
        time.sleep(0.1)

    def ask(query, *parameters):
        return value(query, *parameters, database="api")

    check_true("without keys it says that it listens for this machine alone", any("no keys" in line["message"] and line["level"] == "warning" for line in g.log()), g.log())
    check("health", (200, {"status": "ok"}), ((r := g.get("/healthz")).status, r.json))
    check("a stream that is not there makes it not ready", (503, "stream_unusable", None), g.error(g.get("/readyz")))
    check("... and says so to senders", (503, "stream_unusable", None), g.error(g.send({"item_id": "a"}, path="/api/v1/events?stream=absent")))

    # Events
    r = g.send({"item_id": "x"})
    check("one event", (202, "accepted", 36), (r.status, r.json["status"], len(r.json["event_id"])))
    check("... says no more", ["event_id", "status"], sorted(r.json))
    r = g.send([{"item_id": "x", "source": "app"}, {"item_id": "y", "timestamp": "2026-03-01T10:00:00.5+01:00", "metadata": {"a": 1}}])
    check("two events", (202, 2, 2), (r.status, len(r.json["event_ids"]), len(set(r.json["event_ids"]))))
    check("all are counted", 4, ask("SELECT events FROM topk.stats WHERE rollup = 'views'"))
    check("... at the given time", 1, ask("SELECT count FROM topk.top('views', 'hour', '2026-03-01 09:30+00')"))
    check("10,000 events", 202, g.send([{"item_id": f"i{i % 100}"} for i in range(10_000)]).status)
    check("... are counted", 10_004, ask("SELECT events FROM topk.stats WHERE rollup = 'views'"))
    check("10,001 events", (413, "too_many_events", "events"), g.error(g.send([{"item_id": "a"}] * 10_001)))

    # Into a table: each column gets what it should
    values = ["plain", "tab\tnewline\nreturn\rback\\slash\\N\\.", "\\.", "\\N", "ümläut 🎉 \u202e", " lead", '"quoted"', "'single'", "\x01\x1f\x7f", "a" * 8191]
    sent = [{"item_id": v, "source": "s", "timestamp": "2026-03-01T10:00:00Z", "metadata": {"v": v}} for v in values]
    r = g.send(sent, path="/api/v1/events?stream=rows")
    check("strange items", 202, r.status)
    stored = sql("SELECT item_id, metadata->>'v', event_id::text, ts::text, source FROM rows ORDER BY array_position(%s, event_id::text)",
                 r.json["event_ids"], database="api")
    check("... are stored as they are", values, [row[0] for row in stored])
    check("... in metadata too", values, [row[1] for row in stored])
    check("... under the ids that were given back", r.json["event_ids"], [row[2] for row in stored])
    check("... at their time", "2026-03-01 10:00:00+00", stored[0][3])
    written = '{"a": [[1.50, -0.0, 1E+3, 12345678901234567890123, true, null, {}]], "\\u00fc\\n": "\\ud83c\\udf89"}'
    check("metadata as JSON", 202, g.send('{"item_id": "m", "metadata": ' + written + '}', path="/api/v1/events?stream=rows").status)
    check("... is what PostgreSQL reads, to the last digit", written, ask("SELECT CASE WHEN metadata::text = %s::jsonb::text THEN %s ELSE metadata::text END FROM rows WHERE item_id = 'm'", written, written))
    check("null fields", 202, g.send({"item_id": "n", "source": None, "timestamp": None, "metadata": None}, path="/api/v1/events?stream=rows").status)
    check("... are NULL, and the time is now", (None, None, True),
          sql("SELECT source, metadata, abs(extract(epoch FROM now() - ts)) < 5 FROM rows WHERE item_id = 'n'", database="api")[0])
    check("what the table refuses", (400, "refused_by_table", None), g.error(g.send({"item_id": "forbidden"}, path="/api/v1/events?stream=rows")))
    check("... and a value that is too long", (400, "refused_by_table", None), g.error(g.send({"item_id": "a", "source": "abcdef"}, path="/api/v1/events?stream=rows")))
    check("a column of another type", 202, g.send({"item_id": "a", "source": "17"}, path="/api/v1/events?stream=sales").status)
    check("... refuses what is none", (400, "refused_by_table", None), g.error(g.send({"item_id": "a", "source": "b"}, path="/api/v1/events?stream=sales")))
    check("an unknown stream", (404, "not_found", "stream"), g.error(g.send({"item_id": "a"}, path="/api/v1/events?stream=nix")))

    # Columns that come are found
    sql("ALTER TABLE rows DROP COLUMN source", database="api")
    deadline = time.monotonic() + 15
    while (r := g.send({"item_id": "c", "source": "abcdefgh"}, path="/api/v1/events?stream=rows")).status != 202 and time.monotonic() < deadline:
        time.sleep(0.1)
    check("a dropped column is noticed", 202, r.status)

    # Wrong events: the first one's field
    for what, body, field in [
        ("an array in an array", [[]], "events[0]"), ("a number", 5, "body"), ("no events", [], "events"), ("null", [None], "events[0]"),
        ("no item", {"source": "a"}, "item_id"), ("a number for the item", {"item_id": 5}, "item_id"),
        ("an empty item", {"item_id": ""}, "item_id"), ("a large item", {"item_id": "ü" * 4096}, "item_id"),
        ("null for the item", {"item_id": None}, "item_id"), ("an unknown field", {"item_id": "a", "colour": 1}, "colour"),
        ("the third one", [{"item_id": "a"}, {"item_id": "b"}, {"item_id": True}, {"item_id": 5}], "events[2].item_id"),
        ("a time without offset", {"item_id": "a", "timestamp": "2026-03-01T10:00:00"}, "timestamp"),
        ("a day that is not", {"item_id": "a", "timestamp": "2026-02-30T10:00:00Z"}, "timestamp"),
        ("a number for the time", [{"item_id": "a", "timestamp": 1}], "events[0].timestamp"),
        ("a number for the source", {"item_id": "a", "source": 1}, "source"),
        ("an array of metadata", {"item_id": "a", "metadata": []}, "metadata"),
    ]:
        check(what, (400, "invalid_request", field), g.error(g.send(body)))
    check("nothing of them was counted", 0, ask("SELECT count FROM topk.frequency('views', 'b', 'day')"))

    # The same times as PostgreSQL takes
    times = ["2026-03-01T10:00Z", "2026-03-01 10:00:00+00", "2026-03-01T10:00:00.123456789+0530", "2026-12-31T23:59:60Z", "2026-03-01T24:00:00Z",
             "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", "2024-02-29T12:00:00-15:59", "1969-12-31T23:59:59.5Z", "0044-03-15T12:00:00Z"]
    sql("TRUNCATE rows", database="api")
    r = g.send([{"item_id": t, "timestamp": t} for t in times], path="/api/v1/events?stream=rows")
    check("times of all forms", 202, r.status)
    check("... are what PostgreSQL reads", [], sql("SELECT item_id, ts FROM rows WHERE ts IS DISTINCT FROM item_id::timestamptz", database="api"))
    for t in ["2026-3-01T10:00Z", "2026-03-01", "2026-03-01T25:00Z", "2026-03-01T10:60Z", "2026-03-01T10:00:61Z", "0000-01-01T00:00Z",
              "2026-03-01T10:00+16:00", "2026-03-01T10:00+01:60", "now", "infinity", "2026-03-01T10:00Z ", "2026-03-01T10:00:00.Z", "2026-03-01T24:00:01Z"]:
        check(f"no time: {t}", (400, "invalid_request", "timestamp"), g.error(g.send({"item_id": "a", "timestamp": t})))

    # Answers are those of SQL
    sql("CREATE EXTENSION IF NOT EXISTS pg_topk", database="api")
    events = [{"item_id": f"item {int(100 ** (i * 37 % 1000 / 1000))}", "source": ["DE", "FR", "{odd,\"one\"}"][i % 3],
               "timestamp": f"2026-03-{i % 3 + 1:02}T{i % 24:02}:30:00Z"} for i in range(3000)]
    check("events of three days", 202, g.send(events).status)
    sql("CALL topk.run()", database="api")

    def same(what, response, query, *parameters, without=("computed_at", "updated_at")):
        got = {key: v for key, v in (response.json or {}).items() if key not in without}
        wanted = ask(query, *parameters)
        check(what, {key: v for key, v in wanted.items() if key not in without}, got)

    at = "2026-03-02T12:00:00Z"
    r = g.get("/api/v1/topk", k=5, time_window="day", window_start=at)
    check("a top k has its fields", ["computed_at", "time_window", "top_k", "total_events", "total_items", "window_end", "window_start"], sorted(r.json))
    check("... and each item too", ["count", "error", "guaranteed", "item", "item_id", "rank", "share"], sorted(r.json["top_k"][0]))
    same("the top of a day", r, "SELECT topk_api.get_topk('views', 5, 'day', %s)", at)
    for window in ["hour", "week", "month"]:
        same(f"... of the {window}", g.get("/api/v1/topk", time_window=window, window_start=at), "SELECT topk_api.get_topk('views', 10, %s, %s)", window, at)
    same("... by a date", g.get("/api/v1/topk", time_window="day", window_start="2026-03-02"), "SELECT topk_api.get_topk('views', 10, 'day', '2026-03-02 00:00+00')")
    same("... of a group", g.get("/api/v1/topk", time_window="day", window_start=at, group="DE"), "SELECT topk_api.get_topk('views', 10, 'day', %s, '{DE}')", at)
    same("... of an odd group", g.get("/api/v1/topk", time_window="day", window_start=at, group='{odd,"one"}'),
         "SELECT topk_api.get_topk('views', 10, 'day', %s, ARRAY['{odd,\"one\"}'])", at)
    same("... of a group as JSON", g.get("/api/v1/topk", time_window="day", window_start=at, group='["FR"]'), "SELECT topk_api.get_topk('views', 10, 'day', %s, '{FR}')", at)
    same("... of the group NULL", g.get("/api/v1/topk", time_window="day", group="[null]"), "SELECT topk_api.get_topk('views', 10, 'day', NULL, '{NULL}')")
    same("... of the overflow group", g.get("/api/v1/topk", time_window="day", window_start=at, group="[]"), "SELECT topk_api.get_topk('views', 10, 'day', %s, '{}')", at)
    same("... with the item's row", g.get("/api/v1/topk", rollup="named", time_window="day"), "SELECT topk_api.get_topk('named', 10, 'day')")
    check("... which is there", {"item": "x", "title": "The X"}, next(e["item"] for e in g.get("/api/v1/topk", rollup="named", k=1000, time_window="day").json["top_k"] if e["item_id"] == "x"))
    r = g.get("/api/v1/topk", time_window="last_60m", k=3).json
    check("the last 60 minutes", [[e["item_id"], e["count"], e["share"]] for e in r["top_k"]],
          [list(row) for row in sql("SELECT item, count, share FROM topk.range('views', %s, %s, 3)", r["window_start"], r["window_end"], database="api")])
    check("... with their events", ask("SELECT sum(count) FROM topk.range('views', %s, %s, 10000)", r["window_start"], r["window_end"]), r["total_events"])
    check("... of 60 minutes, in whole tiles", True, 3600 <= (datetime.datetime.fromisoformat(r["window_end"]) - datetime.datetime.fromisoformat(r["window_start"])).total_seconds() <= 3720)
    item = "item 1"
    path = f"/api/v1/items/{urllib.parse.quote(item, safe='')}"
    same("the frequency of an item", g.get(f"{path}/frequency", time_window="day", window_start=at), "SELECT topk_api.get_frequency('views', %s, 'day', %s)", item, at)
    for odd in ["a/b", "ü%2F", "../..", "a" * 8191, "ü" * 4095, "<script>", ""]:
        r = g.get(f"/api/v1/items/{urllib.parse.quote(odd, safe='')}/frequency", time_window="day")
        check(f"... of {odd[:20]!r}", (200, odd), (r.status, (r.json or {}).get("item_id")))
    r = g.get(f"{path}/series", time_window="day", since="2026-03-01", until="2026-03-04")
    check("a series has each window", ["2026-03-01", "2026-03-02", "2026-03-03"], [p["window_start"][:10] for p in r.json["series"]])
    check("... with counts of SQL", [ask("SELECT count FROM topk.frequency('views', %s, 'day', %s)", item, f"2026-03-0{d} 12:00+00") for d in (1, 2, 3)],
          [p["count"] for p in r.json["series"]])
    check("... by default of 48 hours", 48, len(g.get(f"{path}/series").json["series"]))
    same("what rises", g.get("/api/v1/trending", k=5, time_window="day", window_start=at), "SELECT topk_api.get_trending('views', 5, 'day', %s)", at)
    r = g.get("/api/v1/history", k=2, time_window="day", since="2026-03-01", until="2026-03-04")
    check("the history", [[str(w), n] for w, n in sql("SELECT to_char(window_start, 'YYYY-MM-DD'), count(*) FROM topk.history('views', 'day', '2026-03-01', '2026-03-04', 2) GROUP BY 1 ORDER BY 1 DESC", database="api")],
          [[w["window_start"][:10], len(w["top_k"])] for w in r.json["windows"]])
    check_true("... has windows", len(r.json["windows"]) >= 3, r.json)
    r = g.get("/api/v1/rollups").json["rollups"]
    check("the rollups, in the order of the options", ["views", "sales", "named", "rows"], [x["name"] for x in r])
    check("... with groups", [["DE"], ["FR"], ["app"], ['{odd,"one"}']], sorted(x for x in r[0]["groups"] if x != [None]))
    check("... and totals", ask("SELECT events FROM topk.stats WHERE rollup = 'views'"), r[0]["total_events"])

    # Wrong questions
    for what, path_, status, code, field in [
        ("k 0", "/api/v1/topk?k=0", 400, "invalid_request", "k"), ("k 1001", "/api/v1/topk?k=1001", 400, "invalid_request", "k"),
        ("k ten", "/api/v1/topk?k=ten", 400, "invalid_request", "k"), ("a year", "/api/v1/topk?time_window=year", 400, "invalid_request", "time_window"),
        ("an odd span", "/api/v1/topk?time_window=last_5x", 400, "invalid_request", "time_window"),
        ("a span with a start", "/api/v1/topk?time_window=last_5m&window_start=2026-03-01", 400, "invalid_request", "window_start"),
        ("a start that is none", "/api/v1/topk?window_start=soon", 400, "invalid_request", "window_start"),
        ("an unknown rollup", "/api/v1/topk?rollup=nix", 404, "not_found", "rollup"),
        ("a group that is none", "/api/v1/topk?group=[1]", 400, "invalid_request", "group"),
        ("a group of two", "/api/v1/topk?group=[%22a%22,%22b%22]", 400, "invalid_request", "group"),
        ("groups where there are none", "/api/v1/topk?rollup=sales&group=a", 400, "invalid_request", "group"),
        ("an unknown parameter", "/api/v1/topk?limit=3", 400, "invalid_request", "limit"), ("one twice", "/api/v1/topk?k=3&k=4", 400, "invalid_request", "k"),
        ("since after until", "/api/v1/items/a/series?since=2026-03-02&until=2026-03-01", 400, "invalid_request", "since"),
        ("a long series", "/api/v1/items/a/series?since=2020-03-02&until=2026-03-01", 400, "invalid_request", "since"),
        ("bytes that are no UTF-8", "/api/v1/topk?group=%ff", 400, "invalid_request", "group"), ("a NUL", "/api/v1/topk?group=%00", 400, "invalid_request", "group"),
        ("an item that is no UTF-8", "/api/v1/items/%c3%28/frequency", 400, "invalid_request", "item_id"), ("a NUL in an item", "/api/v1/items/a%00/frequency", 400, "invalid_request", "item_id"),
        ("an escape that is none", "/api/v1/items/a%zz/frequency", 400, "invalid_request", "item_id"),
        ("an unknown path", "/api/v2/topk", 404, "not_found", None), ("... of items", "/api/v1/items/a", 404, "not_found", None),
        ("... with a slash", "/api/v1/items/a/b/frequency", 404, "not_found", None),
    ]:
        check(what, (status, code, field), g.error(g.get(path_)))
    r = g.request("DELETE", "/api/v1/topk")
    check("a wrong method", (405, "method_not_allowed", "GET, HEAD"), (r.status, r.json["error"]["code"], r.getheader("Allow")))
    check("... of events", (405, "POST"), ((r := g.get("/api/v1/events")).status, r.getheader("Allow")))
    check("a wrong type", (415, "unsupported_media_type", None), g.error(g.send("item_id=a", {"Content-Type": "application/x-www-form-urlencoded"})))
    check("a compressed body", (415, "unsupported_media_type", None), g.error(g.send("x", {"Content-Encoding": "gzip"})))
    check("a type with its charset", 202, g.send({"item_id": "a"}, {"Content-Type": "Application/JSON; charset=utf-8"}).status)
    check("HEAD has the length and no body", (200, "", True), ((r := g.request("HEAD", "/healthz")).status, r.text, int(r.getheader("Content-Length")) > 0))
    sent = sum(len(x.text) for x in [g.get("/api/v1/topk?rollup=%27%20OR%201=1"), g.send({"item_id": "forbidden"}, path="/api/v1/events?stream=rows")] if "SELECT" in x.text or "COPY" in x.text)
    check("no answer has SQL in it", 0, sent)

    # Metrics
    text = g.get("/metrics").text
    metrics = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    check("events in the metrics", True, float(metrics["topk_gateway_events_total"]) > 13_000)
    check("requests in the metrics", True, float(metrics['topk_gateway_requests_total{endpoint="events",status="202"}']) > 5)
    check("nothing waits", 0.0, float(metrics["topk_gateway_queue_events"]))
    check("nothing is in memory", 0.0, float(metrics["topk_gateway_queue_bytes"]))
    check("the database's are not there without being asked for", False, "topk_events_total{" in text)

new_database("api2")
environment = {"TOPK_GATEWAY_STREAM": "views", "TOPK_GATEWAY_ROLLUP": "views", "TOPK_GATEWAY_DATABASE_METRICS": "true"}
with Gateway("api2", stream=None, environment=environment) as g:
    check("options from the environment", 202, g.send({"item_id": "a"}).status)
    check("topk.metrics() behind its switch", True, 'topk_events_total{' in g.get("/metrics").text)
with open(f"{scratch}/gateway.conf", "w") as file:
    file.write('stream=views\nrollup=views\ngather-ms=1\n')
with Gateway("api2", "--config", f"{scratch}/gateway.conf", stream=None) as g:
    check("options from a file", 202, g.send({"item_id": "a"}).status)
for what, options in [("an option that is none", ["--nix"]), ("no stream and no rollup", []), ("an address for everybody without keys", ["--stream", "a", "--listen", "0.0.0.0:0"]),
                      ("a port that is none", ["--stream", "a", "--listen", "127.0.0.1:99999"])]:
    run = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=20)
    check_true(f"{what}: refused with a reason", run.returncode != 0 and run.stderr != "", (run.returncode, run.stderr))
