"""Exactly once for what was acknowledged: the server and the gateway are killed in the middle of load, again and again; each
acknowledged event is counted once, and others at most once."""
import collections
import http.client
import itertools
import random
import threading

from support import *

SENDERS = 12
ROUNDS = 4


class Load:
    """Senders of events, each of an item of its own, until stopped; they remember what became of each."""

    def __init__(self, port, name):
        self.port, self.name = port, name
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged, self.unknown, self.refused, self.codes = [], [], [], collections.Counter()
        self.numbers = itertools.count()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def run(self, sender):
        connection = None
        draw = random.Random(sender)
        while not self.stopping.is_set():
            items = [f"{self.name}-{next(self.numbers)}" for _ in range(1 if sender % 2 else draw.randint(1, 20))]
            body = json.dumps([{"item_id": item} for item in items])
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("POST", "/api/v1/events", body, JSON)
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError):
                # Nobody has said anything.
                if connection is not None:
                    connection.close()
                connection = None
                with self.lock:
                    self.unknown += items
                    self.codes["none"] += 1
                time.sleep(0.05)
                continue
            with self.lock:
                if response.status == 202:
                    self.acknowledged += items
                    self.codes["accepted"] += 1
                else:
                    code = answer["error"]["code"]
                    self.codes[code] += 1
                    (self.unknown if code == "outcome_unknown" else self.refused).extend(items)
            if response.status != 202:
                time.sleep(0.02)
            if response.getheader("Connection") == "close":
                connection.close()
                connection = None

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def check_counts(what, database, load):
    # A table has a row for each event, and its rollup counts them: both are looked at.
    rows = collections.Counter(row[0] for row in sql("SELECT item_id FROM events WHERE item_id LIKE %s", load.name + "-%", database=database))
    lost = [item for item in load.acknowledged if rows[item] == 0]
    twice = [item for item, n in rows.items() if n > 1]
    wrongly = [item for item in load.refused if rows[item] != 0]
    print(f"{what}: {len(load.acknowledged)} acknowledged, {sum(rows.values())} stored, {len(load.unknown)} without an answer, "
          f"{len(load.refused)} refused {dict(load.codes)}")
    check_true(f"{what}: there was load", len(load.acknowledged) > 100, len(load.acknowledged))
    check(f"{what}: acknowledged and not there", [], lost[:5])
    check(f"{what}: there twice", [], twice[:5])
    check(f"{what}: refused for sure, and there", [], wrongly[:5])
    stored = value("SELECT count(*) FROM events", database=database)
    check(f"{what}: the rollup counts what is stored", stored, value("SELECT events FROM topk.stats WHERE rollup = 'events'", database=database))


def wait_for(answers, seconds=40):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if answers():
                return True
        except (OSError, http.client.HTTPException, psycopg2.Error):
            pass
        time.sleep(0.05)
    return False


new_database("crash")
sql("""CREATE TABLE events (item_id text, ts timestamptz DEFAULT now());
       SELECT topk.create_rollup('events', 'events', item => 'item_id', event_time => 'ts')""", database="crash")
draw = random.Random(14)

with Gateway("crash", stream="events") as g:
    for i in range(ROUNDS):
        load = Load(g.port, f"server{i}")
        time.sleep(1 + draw.random())
        server.kill_everything()
        time.sleep(0.3 + draw.random() / 2)
        check("away: not ready", (503, "database_unavailable", None), g.error(g.get("/readyz")))
        r = g.send({"item_id": "nobody"})
        check("away: senders are told at once, and when to come again", (503, "database_unavailable", True),
              (r.status, r.json["error"]["code"], int(r.getheader("Retry-After") or 0) > 0))
        server.launch()
        check_true("it comes back by itself", wait_for(lambda: g.get("/readyz").status == 200))
        before = len(load.acknowledged)
        check_true("... and takes events again", wait_for(lambda: len(load.acknowledged) > before + 100))
        load.stop()
        check_counts("server killed", "crash", load)

    # A restart that waits for nobody, and sessions that are ended
    load = Load(g.port, "restart")
    time.sleep(1)
    server.stop()
    server.launch()
    check_true("after a restart", wait_for(lambda: len(load.acknowledged) > 500))
    for _ in range(20):
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'topk-gateway'", database="crash")
        time.sleep(0.1)
    before = len(load.acknowledged)
    check_true("after sessions were ended", wait_for(lambda: len(load.acknowledged) > before + 200))
    load.stop()
    check_counts("sessions ended", "crash", load)
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'topk-gateway'", database="crash")
    check("a connection that broke while nobody used it is nobody's trouble", 202, g.send({"item_id": "idle"}).status)

for i in range(ROUNDS):
    g = Gateway("crash", stream="events")
    load = Load(g.port, f"gateway{i}")
    time.sleep(1 + draw.random())
    g.process.kill()
    g.process.wait()
    load.stop()
    # The server has committed all that it will when the sessions are gone.
    wait_for(lambda: value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'topk-gateway'") == 0)
    check_counts("gateway killed", "crash", load)

# SIGTERM: what was taken is answered, nothing is left unknown
g = Gateway("crash", "--gather-ms", "300", stream="events")
load = Load(g.port, "drained")
time.sleep(1.2)
check("SIGTERM ends it in order", 0, g.stop())
load.stop()
check_counts("drained", "crash", load)
check("... nothing was taken and not answered", set(), set(r[0] for r in sql("SELECT item_id FROM events WHERE item_id LIKE 'drained-%%'", database="crash")) - set(load.acknowledged))

# A statement that hangs: bounded in time, and in memory
with Gateway("crash", "--database-seconds", "2", "--queue-bytes", "64KB", "--body-bytes", "16KB", stream="events") as g:
    locked = psycopg2.connect(dbname="crash", user="postgres")
    locked.cursor().execute("LOCK TABLE events")
    answers = collections.Counter()

    def send():
        answers[g.error(g.send([{"item_id": "x" * 100}] * 20))[1]] += 1
    threads = [threading.Thread(target=send) for _ in range(80)]
    for thread in threads:
        thread.start()
    check_true("a full queue makes it not ready", wait_for(lambda: g.error(g.get("/readyz")) == (503, "queue_full", None), 2))
    for thread in threads:
        thread.join()
    check_true("a full queue refuses, the rest is told when it takes too long", answers["queue_full"] > 5 and answers["database_timeout"] > 0 and sum(answers.values()) == 80, answers)
    locked.rollback()
    locked.close()
    check_true("... and then it goes on", wait_for(lambda: g.send({"item_id": "later"}).status == 202))
    check("none of the refused is there", 0, value("SELECT count(*) FROM events WHERE item_id = %s", "x" * 100, database="crash"))
