"""What the parts of this suite share: the server, the gateway as a process, requests, SQL, checks."""
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

import psycopg2

from server import Server
from suite import Checks

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SANITIZED = os.path.join(ROOT, "build/gateway-asan/topk-gateway")
PROGRAM = SANITIZED if os.environ.get("SANITIZE") else os.path.join(ROOT, "build/gateway/topk-gateway")
JSON = {"Content-Type": "application/json"}
scratch = tempfile.mkdtemp(prefix="pg_topk.")
checks = Checks()
server = None
gateways = []  # processes


def start_server():
    global server
    os.chmod(scratch, 0o755)
    server = Server(os.path.join(scratch, "server"))
    server.start({"shared_preload_libraries": "pg_topk", "timezone": "UTC", "max_connections": "60", "fsync": "off", "jit": "off",
                  "track_functions": "pl"})
    os.environ.update(PGHOST=server.directory, PGPORT="5432", PGUSER="postgres")


def clean_up():
    for process in gateways:
        if process.poll() is None:
            process.kill()
            process.wait()
    if server is not None:
        server.remove()
    if os.environ.get("KEEP"):
        print("kept:", scratch)
    else:
        subprocess.run(["rm", "-rf", scratch], check=False)


def check(what, wanted, got):
    check_true(what, wanted == got, f"expected {wanted!r}, got {got!r}")


def check_true(what, holds, got=""):
    if holds and os.environ.get("VERBOSE"):
        print("ok:", what)
    checks.add(what, [] if holds else [str(got)[:2000]])


def sql(query, *parameters, database="postgres"):
    with contextlib.closing(psycopg2.connect(dbname=database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else None


def value(query, *parameters, database="postgres"):
    return sql(query, *parameters, database=database)[0][0]


def soon(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    got = None
    while time.monotonic() < deadline:
        try:
            got = condition()
            if got is True:
                break
        except Exception as error:  # a page is being drawn anew
            got = error
        time.sleep(0.1)
    check(what, True, got)


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


class Gateway:
    """topk-gateway as a process. `sanitized`: the one with AddressSanitizer and UBSan."""

    count = 0

    def __init__(self, database, *options, sanitized=False, port=0, environment=None, stream="views", wait=True):
        Gateway.count += 1
        self.log_path = f"{scratch}/gateway-{Gateway.count}.log"
        stream_options = ["--stream", stream, "--rollup", stream] if stream else []
        self.process = subprocess.Popen(
            [SANITIZED if sanitized else PROGRAM, "--listen", f"127.0.0.1:{port}", "--database", f"dbname={database}",
             *stream_options, *options],
            stderr=open(self.log_path, "w"), stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        gateways.append(self.process)
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
