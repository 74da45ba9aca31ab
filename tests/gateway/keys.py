"""Keys, roles and rates, and the limits of the database."""
import hashlib
import threading

from support import *

new_database("keys")
sql("""
    DROP ROLE IF EXISTS sender, asker, stranger, partner, gateway_login;
    CREATE ROLE sender; CREATE ROLE asker IN ROLE topk_reader; CREATE ROLE stranger; CREATE ROLE partner IN ROLE topk_reader;
    CREATE ROLE gateway_login LOGIN NOINHERIT IN ROLE sender, asker, stranger, partner;
    GRANT INSERT ON views TO sender; GRANT SELECT ON views TO asker;
    SELECT topk.grant_ask('views', 'partner', '{web}');
    CREATE TABLE who (item_id text, ts timestamptz, by text DEFAULT current_user);
    GRANT INSERT ON who TO sender""", database="keys")


def hashed(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


keys = [{"name": "sender", "sha256": hashed("s"), "role": "sender", "may": ["send"]},
        {"name": "asker", "sha256": hashed("a"), "role": "asker", "may": ["ask", "metrics"]},
        {"name": "partner", "sha256": hashed("p"), "role": "partner", "may": ["ask"]},
        {"name": "both", "sha256": hashed("b"), "role": "stranger", "may": ["send", "ask"]},
        {"name": "slow", "sha256": hashed("l"), "role": "sender", "may": ["send"], "rate": 5, "burst": 20},
        {"name": "nobody", "sha256": hashed("n"), "role": "no_such_role", "may": ["send"]}]
path = f"{scratch}/keys.json"
with open(path, "w") as file:
    json.dump({"keys": keys}, file)


def by(secret):
    return {"Authorization": f"Bearer {secret}"}


with Gateway("keys", "--keys", path, "--stream", "who", environment={"PGUSER": "gateway_login"}, sanitized=True) as g:
    event = {"item_id": "x"}
    check("without a key", (401, "unauthorized", None), g.error(r := g.send(event)))
    check("... says how", "Bearer", r.getheader("WWW-Authenticate"))
    check("a wrong key", (401, "unauthorized", None), g.error(g.send(event, by("x"))))
    check("a hash for a key", (401, "unauthorized", None), g.error(g.send(event, by(hashed("s")))))
    check("another scheme", (401, "unauthorized", None), g.error(g.send(event, {"Authorization": "Basic cw=="})))
    check("an empty key", (401, "unauthorized", None), g.error(g.send(event, by(""))))
    check("a key that may send", 202, g.send(event, by("s")).status)
    check("... may not ask", (403, "forbidden", None), g.error(g.get("/api/v1/topk", by("s"))))
    check("a key that may ask", (200, 1), ((r := g.get("/api/v1/topk", by("a"), time_window="day")).status, r.json["total_events"]))
    check("... may not send", (403, "forbidden", None), g.error(g.send(event, by("a"))))
    check("a role that may not insert", (403, "forbidden", None), g.error(g.send(event, by("b"))))
    check("a role that may not ask", (403, "forbidden"), g.error(g.get("/api/v1/topk", by("b")))[:2])
    check("... sees no rollups", [], g.get("/api/v1/rollups", by("b")).json["rollups"])
    check("a role that is not there is the gateway's trouble", 503, g.send(event, by("n")).status)
    check("... and not of others", 202, g.send(event, by("s")).status)
    check("events are inserted as the key's role", (202, "sender"), (g.send(event, by("s"), path="/api/v1/events?stream=who").status, value("SELECT by FROM who", database="keys")))
    check("metrics need a key that may", (401, 403, 200), (g.get("/metrics").status, g.get("/metrics", by("s")).status, g.get("/metrics", by("a")).status))
    check("health and the page do not", (200, 200, 200, 200), tuple(g.get(p).status for p in ("/healthz", "/readyz", "/", "/openapi.json")))
    check("no secret is in the log", False, any(hashed("s") in json.dumps(line) for line in g.log()))

    # Rates of a key: one for a request, one for each further event
    check("within the burst", 202, g.send([event] * 20, by("l")).status)
    r = g.send([event] * 3, by("l"))
    check("past it", (429, "rate_limited", None), g.error(r))
    check("... says when", True, 1 <= int(r.getheader("Retry-After")) <= 2)
    check("of others nobody knows it", 202, g.send([event] * 30, by("s")).status)
    check("more than the burst ever allows", (413, "too_many_events", "events"), g.error(g.send([event] * 60, by("l"))) if not time.sleep(0.5) else None)
    time.sleep(4.2)
    check("later it fits again", 202, g.send([event] * 5, by("l")).status)
    check("what was refused was not counted", 1 + 20 + 30 + 5 + 1, value("SELECT events FROM topk.stats WHERE rollup = 'views'", database="keys"))

    # A role that may ask for one group alone
    check("an event of a group", 202, g.send({"item_id": "w", "source": "web"}, by("s")).status)
    soon("a key for a group alone sees the rollup, without its totals", lambda: [{k: r[k] for k in ("name", "groups", "total_events", "total_weight", "events_per_second")}
                                                                                  for r in g.get("/api/v1/rollups", by("p")).json["rollups"]]
         == [{"name": "views", "groups": [["web"]], "total_events": None, "total_weight": None, "events_per_second": None}], 20)
    check("... and may ask for the group", (200, ["w"]), ((r := g.get("/api/v1/topk", by("p"), time_window="day", group="web")).status, [e["item_id"] for e in r.json["top_k"]]))
    check("... and for no other", (403, "forbidden"), g.error(g.get("/api/v1/topk", by("p"), time_window="day", group="app"))[:2])
    check("... nor for all", (403, "forbidden"), g.error(g.get("/api/v1/topk", by("p"), time_window="day"))[:2])

# How questions are asked: read-only, under the role of the key, and for a limited time
new_database("asking")
sql("""CREATE OR REPLACE FUNCTION topk_api.get_topk(rollup text, k integer DEFAULT 10, time_window text DEFAULT 'hour',
                                                   window_start timestamptz DEFAULT NULL, group_key text[] DEFAULT NULL)
           RETURNS jsonb LANGUAGE plpgsql AS $$
       BEGIN
           RETURN jsonb_build_object('role', current_user, 'read_only', current_setting('transaction_read_only'),
                                     'statement_timeout', current_setting('statement_timeout'), 'timezone', current_setting('timezone'));
       END $$""", database="asking")
with Gateway("asking", "--keys", path, "--database-seconds", "7", environment={"PGUSER": "gateway_login", "PGTZ": "Asia/Tokyo"}) as g:
    for secret, role in [("a", "asker"), ("b", "stranger"), ("a", "asker")]:
        check(f"a question of {role}", {"role": role, "read_only": "on", "statement_timeout": "7s", "timezone": "UTC"}, g.get("/api/v1/topk", by(secret)).json)

# Limits of an address, also behind a proxy
new_database("addresses")
with Gateway("addresses", "--address-rate", "2", "--address-burst", "10", "--trusted-proxy", "127.0.0.1") as g:
    event = {"item_id": "x"}
    forwarded = {"X-Forwarded-For": "203.0.113.1"}
    check("ten at once", [202] * 10, [g.send(event, forwarded).status for _ in range(10)])
    check("and no more", (429, "rate_limited", None), g.error(g.send(event, forwarded)))
    check("what a client says of itself counts for nothing", 429, g.send(event, {"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}).status)
    check("another address", 202, g.send(event, {"X-Forwarded-For": "203.0.113.2"}).status)
    check("IPv6 by its network", (202, 429), (g.send([event] * 10, {"X-Forwarded-For": "2001:db8::1"}).status, g.send([event] * 3, {"X-Forwarded-For": "2001:db8::2"}).status))
    check("health is not limited", {200}, {g.get("/healthz", forwarded).status for _ in range(20)})
with Gateway("addresses", "--address-rate", "2", "--address-burst", "5") as g:
    statuses = [g.send(event, {"X-Forwarded-For": f"203.0.113.{i}"}).status for i in range(8)]
    check("without a trusted proxy the header counts for nothing", [202] * 5 + [429] * 3, statuses)

# Limits of the database
new_database("quota")
sql("SELECT topk.set_limit(source => 'views', events_per_second => 1, burst => 100, max_item_bytes => 20, max_metadata_bytes => 50)", database="quota")
with Gateway("quota", "--gather-ms", "100") as g:
    check("an item too large for the limit", (413, "too_large", None), g.error(g.send({"item_id": "x" * 30})))
    check("metadata too", (413, "too_large", None), g.error(g.send({"item_id": "x", "metadata": {"a": "x" * 60}})))
    # Many at once, some of them bad: each has its own answer
    bodies = [[{"item_id": "x" * (30 if i % 3 == 0 else 5)}] * 2 for i in range(30)]
    answers = [None] * len(bodies)

    def send(i):
        answers[i] = g.send(bodies[i]).status
    threads = [threading.Thread(target=send, args=(i,)) for i in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("one sender's bad event is nobody else's trouble", [413 if i % 3 == 0 else 202 for i in range(30)], answers)
    transactions = float(next(line for line in g.get("/metrics").text.splitlines() if line.startswith("topk_gateway_transactions_total")).split()[1])
    check_true("... though they were in one transaction", transactions < 20, transactions)
    r = g.send([{"item_id": "y"}] * 90)
    check("past the quota", (429, "quota_exceeded", None), g.error(r))
    check("... with the seconds until the rows that had come so far would pass", True, int(r.getheader("Retry-After") or 0) >= 1)
    check("... and less fits", 202, g.send([{"item_id": "y"}] * 5).status)
    check("what was accepted is counted, and nothing else", 20 * 2 + 5, value("SELECT events FROM topk.stats WHERE rollup = 'views'", database="quota"))

for what, text in [("no JSON", "x"), ("a key without a role", '{"keys":[{"name":"a","sha256":"' + hashed("a") + '","may":["ask"]}]}'), ("an open key", '{"keys":[{"name":"a","key":"a","role":"r","may":["ask"]}]}')]:
    with open(path, "w") as file:
        file.write(text)
    run = subprocess.run([PROGRAM, "--stream", "views", "--keys", path, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=20)
    check_true(f"a file of keys with {what} is refused", run.returncode == 1 and "--keys" in run.stderr, run.stderr)
