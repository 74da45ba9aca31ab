"""What the end-to-end tests of topk-gateway share: the gateway as a process, requests, SQL, checks.

A file prints "ok: ..." for a check that holds, lines that begin with "skipped", and anything else for a failure."""
import contextlib
import http.client
import json
import os
import pwd
import signal
import subprocess
import time
import urllib.parse

import psycopg2

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRATCH = os.environ["TEST_SCRATCH"]
BINDIR = os.environ["TEST_BINDIR"]
PROGRAMS = os.environ["TEST_PROGRAMS"]
DATA = os.environ["PGHOST"]
JSON = {"Content-Type": "application/json"}


def check(what, wanted, got):
    print(f"ok: {what}" if wanted == got else f"FAIL: {what}: expected {wanted!r}, got {got!r}", flush=True)


def check_true(what, holds, got=""):
    print(f"ok: {what}" if holds else f"FAIL: {what}: {got!r}", flush=True)


def sql(query, *parameters, database=None):
    with contextlib.closing(psycopg2.connect(dbname=database or "postgres", user="postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else None


def value(query, *parameters, database=None):
    return sql(query, *parameters, database=database)[0][0]


def new_database(name):
    """A database with the extension and a stream "views" with a rollup of the same name."""
    sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    sql(f"CREATE DATABASE {name}")
    sql("""
        CREATE EXTENSION pg_topk;
        CREATE FOREIGN TABLE views (item_id text, "timestamp" timestamptz DEFAULT now(), source text, metadata jsonb) SERVER topk;
        SELECT topk.create_rollup('views', 'views', item => 'item_id', event_time => '"timestamp"', group_by => '{source}',
                                  grain => '1 minute', accept_past => '100 years', retention => '{"tile": "100 years", "hour":
                                  "100 years", "day": "100 years", "week": "100 years", "month": "100 years"}')""", database=name)


def pg_ctl(*arguments):
    """Of the server of these tests, as its user."""
    owner = os.stat(DATA).st_uid
    user = {"user": owner, "group": pwd.getpwuid(owner).pw_gid} if os.geteuid() == 0 else {}
    subprocess.run([f"{BINDIR}/pg_ctl", "-s", "-w", "-D", DATA, "-l", f"{DATA}/log", *arguments], check=True, cwd="/",
                   stdout=subprocess.DEVNULL, **user)


def kill_server():
    """As a crash: SIGKILL to the postmaster's processes."""
    with open(f"{DATA}/postmaster.pid") as file:
        postmaster = int(file.readline())
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True).stdout.split()
    for pid in [postmaster, *map(int, children)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in children) and time.monotonic() < deadline:
        time.sleep(0.02)


class Gateway:
    """topk-gateway as a process. `sanitized`: the one with AddressSanitizer and UBSan."""

    count = 0

    def __init__(self, database, *options, sanitized=False, port=0, environment=None, stream="views", wait=True):
        Gateway.count += 1
        self.log_path = f"{SCRATCH}/gateway-{os.getpid()}-{Gateway.count}.log"
        program = f"{PROGRAMS}-asan" if sanitized else PROGRAMS
        stream_options = ["--stream", stream, "--rollup", stream] if stream else []
        self.process = subprocess.Popen(
            [f"{program}/topk-gateway", "--listen", f"127.0.0.1:{port}", "--database", f"dbname={database} user=postgres",
             *stream_options, *options],
            stderr=open(self.log_path, "w"), stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        self.port = port
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self.log():
                if line["message"] == "listening":
                    self.port = line["port"]
                    if not wait or self.get("/readyz").status == 200:
                        return
            time.sleep(0.02)
        self.process.kill()
        raise RuntimeError(f"the gateway did not start: {open(self.log_path).read()}")

    def log(self):
        with open(self.log_path) as file:
            return [json.loads(line) for line in file if line.endswith("\n") and line.startswith("{")]

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            response.text = response.read().decode()
            response.json = json.loads(response.text) if "json" in response.getheader("Content-Type", "") and response.text else None
            return response
        finally:
            connection.close()

    def get(self, path, headers=None, **arguments):
        if arguments:
            path += "?" + urllib.parse.urlencode(arguments)
        return self.request("GET", path, headers=headers)

    def send(self, events, headers=None, path="/api/v1/events"):
        body = events if isinstance(events, (bytes, str)) else json.dumps(events)
        return self.request("POST", path, body, {**JSON, **(headers or {})})

    def error(self, response):
        """Status, code and field of a refusal."""
        error = (response.json or {}).get("error", {})
        return response.status, error.get("code"), error.get("field")

    def stop(self, signal_=signal.SIGTERM):
        self.process.send_signal(signal_)
        return self.process.wait(timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "nothing in 60 s"
        check_true("the gateway ends as it should", status in (0, -signal.SIGKILL), status)
        # AddressSanitizer's and UBSan's reports are no JSON.
        with open(self.log_path) as file:
            other = [line for line in file if not line.startswith("{")]
        check("its log has JSON lines only", [], other[:20])
