"""The queues of events and questions: what is merged, and that nobody waits for ever behind somebody else."""
import threading

from support import *

new_database("gathering")
sql("""CREATE FOREIGN TABLE other (item_id text, ts timestamptz) SERVER topk;
       SELECT topk.create_rollup('other', 'other', item => 'item_id', event_time => 'ts')""", database="gathering")

# One writer, a transaction for each body, and senders who keep it busy: the events of another stream get their turn.
with Gateway("gathering", "--stream", "other", "--writers", "1", "--gather-events", "1") as g:
    stopping = threading.Event()
    statuses = []

    def flood():
        while not stopping.is_set():
            statuses.append(g.send([{"item_id": "x"}] * 500).status)
    threads = [threading.Thread(target=flood) for _ in range(12)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    answers = []
    try:
        for _ in range(5):
            answers.append(g.request("POST", "/api/v1/events?stream=other", '{"item_id": "y"}', JSON, timeout=10).status)
    except OSError as error:
        answers.append(repr(error))
    stopping.set()
    for thread in threads:
        thread.join()
    check("a stream with little to do is served beside one with much", [202] * 5, answers)
    check_true("... which went on", len(statuses) > 20 and set(statuses) == {202}, (len(statuses), set(statuses)))
    check("all of them are counted", [len(statuses) * 500, 5],
          [value("SELECT events FROM topk.stats WHERE rollup = %s", name, database="gathering") for name in ("views", "other")])

# Equal questions that wait are asked once, and count what was committed before they came.
with Gateway("gathering", "--askers", "1") as g:
    calls = "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_user_functions WHERE schemaname = 'topk_api' AND funcname = 'get_topk'"
    events = value("SELECT events FROM topk.stats WHERE rollup = 'views'", database="gathering")
    lock = psycopg2.connect(dbname="gathering")
    lock.cursor().execute("LOCK TABLE topk.rollup IN ACCESS EXCLUSIVE MODE; INSERT INTO views (item_id) VALUES ('z')")
    answers = {}

    def ask(name, path):
        answers[name] = g.get(path).json

    def begin(name, path):
        thread = threading.Thread(target=ask, args=(name, path))
        thread.start()
        return thread
    threads = [begin("first", "/api/v1/topk?time_window=day")]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not value("SELECT count(*) FROM pg_locks WHERE NOT granted", database="gathering"):
        time.sleep(0.05)
    threads += [begin(i, "/api/v1/topk?time_window=day") for i in range(20)] + [begin("another", "/api/v1/topk?time_window=day&k=1")]
    time.sleep(1)
    lock.commit()
    lock.close()
    for thread in threads:
        thread.join()
    check("each of 20 equal questions has its answer", [events + 1] * 20, [answers[i]["total_events"] for i in range(20)])
    check("... and an unequal one its own", 1, len(answers["another"]["top_k"]))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and value(calls, database="gathering") < 3:
        time.sleep(0.2)
    check("they were three questions for the database", 3, value(calls, database="gathering"))
