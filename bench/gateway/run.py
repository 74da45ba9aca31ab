#!/usr/bin/env python3
"""Speed and memory of topk-gateway, beside the same events without it. Everything runs on the processors of this machine: server,
gateway and load. fsync is on. Runs that are compared take turns (A B A B ...); reported are medians and their ratios.
Exits with 1 if a limit is missed.

usage: run.py [--rounds N] [--seconds S] [--only SECTION[,SECTION...]]
environment: PG_CONFIG (default pg_config), GATEWAY (default build/gateway/topk-gateway). wrk is needed."""
import argparse
import http.client
import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import time

root = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
sys.path += [os.path.join(root, 'bench'), os.path.join(root, 'tests/lib')]
from report import conclude, exit_when_terminated, row, table, verdict
from server import Server

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get('GATEWAY', os.path.join(root, 'build/gateway/topk-gateway'))
SECTIONS = ('single', 'bodies', 'answers', 'memory')
CONNECTIONS = 64
BODY = 1000
ASKERS = 10
QUESTIONS_PER_SECOND = 500
QUESTIONS = [f'/api/v1/topk?k={k}&time_window={window}' for k in (10, 20, 50) for window in ('hour', 'day', 'week', 'month')]
SETTINGS = {'shared_preload_libraries': 'pg_topk', 'shared_buffers': '1GB', 'max_wal_size': '16GB', 'checkpoint_timeout': '1h', 'timezone': 'UTC',
            'max_connections': '100', 'jit': 'off'}


def send_events(port, path, sent):
    """50,000 events a second, in bodies of BODY, until the process is ended."""
    with open(path) as file:
        bodies = file.read().splitlines()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    begun = time.monotonic()
    while True:
        time.sleep(max(0, begun + sent.value / 50_000 - time.monotonic()))
        connection.request('POST', '/api/v1/events', bodies[sent.value // BODY % len(bodies)], {'Content-Type': 'application/json'})
        response = connection.getresponse()
        response.read()
        if response.status != 202:
            raise RuntimeError(response.status)
        sent.value += BODY


def ask_questions(port, begun, seconds, i):
    """Every ASKERS-th of the questions, each when it is due: the times of its answers from sending, and from when they were due."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    connection.connect()
    times, late = [], []
    for n in range(i, QUESTIONS_PER_SECOND * seconds, ASKERS):
        due = begun + n / QUESTIONS_PER_SECOND
        time.sleep(max(0, due - time.monotonic()))
        at = time.monotonic()
        connection.request('GET', QUESTIONS[n // ASKERS % len(QUESTIONS)])
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(response.status)
        times.append(time.monotonic() - at)
        late.append(time.monotonic() - due)
    return times, late


def percentile(values, q):
    return values[int(q * (len(values) - 1))] * 1000


class Bench:
    def __init__(self, options):
        self.options = options
        self.server = Server()
        self.gateway = None

    def start(self):
        self.server.start(SETTINGS)
        os.environ.update(PGHOST=self.server.directory, PGPORT='5432', PGUSER='postgres', PGDATABASE='postgres')
        self.sql("""CREATE EXTENSION pg_topk;
            CREATE FOREIGN TABLE views (item_id text, "timestamp" timestamptz, source text, metadata jsonb) SERVER topk;
            SELECT topk.create_rollup('views', 'views', item => 'item_id', event_time => '"timestamp"')""")
        log = os.path.join(self.server.directory, 'gateway.log')
        self.gateway = subprocess.Popen([PROGRAM, '--listen', '127.0.0.1:0', '--stream', 'views', '--rollup', 'views'], stderr=open(log, 'w'))
        self.port = None
        for _ in range(200):
            found = re.search(r'"message":"listening".*"port":(\d+)', open(log).read())
            if found:
                self.port = int(found.group(1))
                if self.get('/readyz')[0] == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError('the gateway does not start: ' + open(log).read())

    def stop(self):
        if self.gateway is not None:
            self.gateway.terminate()
            self.gateway.wait()
        self.server.remove()

    def sql(self, query):
        return subprocess.run([*self.server.psql(), '-c', query], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()

    def events(self):
        return int(self.sql("SELECT events FROM topk.stats WHERE rollup = 'views'"))

    def get(self, path):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        connection.request('GET', path)
        response = connection.getresponse()
        return response.status, response.read()

    def wrk(self, bodies, each, connections, seconds):
        """Events per second of bodies of so many that were acknowledged; the database has to count as many."""
        before = self.events()
        out = subprocess.run(['wrk', '-t1', f'-c{connections}', f'-d{seconds}s', '--timeout', '20s', '-s', os.path.join(HERE, 'post.lua'),
                              f'http://127.0.0.1:{self.port}'], check=True, text=True, stdout=subprocess.PIPE, env={**os.environ, 'BODIES': bodies}).stdout
        requests, errors, took = re.search(r'requests (\d+) errors (\d+) seconds ([\d.]+)', out).groups()
        if int(errors):
            raise RuntimeError(f'{errors} errors: {out}')
        counted = self.events() - before
        if counted < int(requests) * each:
            raise RuntimeError(f'{requests} requests acknowledged, {counted} events counted')
        return int(requests) * each / float(took)

    def pgbench(self, seconds):
        """Calls of topk_api.ingest_event per second, each with its commit."""
        path = os.path.join(self.server.directory, 'event.sql')
        with open(path, 'w') as file:
            file.write("\\set n random(0, 10006)\nSELECT topk_api.ingest_event('views', 'item_' || :n, now(), 'source_' || :n % 10);\n")
        out = subprocess.run([self.server.program('pgbench'), '-n', '-M', 'prepared', '-c', str(CONNECTIONS), '-j', '1', '-T', str(seconds), '-f', path],
                             check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return float(re.search(r'tps = ([\d.]+)', out).group(1))

    def write_events(self):
        """The same events as bodies and as a file for COPY."""
        draw = random.Random(1)
        self.bodies, self.singles, self.rows = (os.path.join(self.server.directory, name) for name in ('bodies', 'singles', 'rows'))
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        with open(self.singles, 'w') as singles:
            for n in draw.sample(range(10_007), 10_007):
                singles.write(json.dumps({'item_id': f'item_{n}', 'timestamp': now, 'source': f'source_{n % 10}'}) + '\n')
        with open(self.bodies, 'w') as bodies, open(self.rows, 'w') as rows:
            for _ in range(200):
                events = [{'item_id': f'item_{int(draw.paretovariate(1)) % 100_000}', 'timestamp': now, 'source': f'source_{draw.randrange(10)}'} for _ in range(BODY)]
                bodies.write(json.dumps(events, separators=(',', ':')) + '\n')
                rows.writelines(f"{e['item_id']}\t{e['timestamp']}\t{e['source']}\n" for e in events)

    def copy(self):
        """Events per second of COPY by psql; ten copies of the file in one."""
        begun = time.monotonic()
        with subprocess.Popen(['cat', *[self.rows] * 10], stdout=subprocess.PIPE) as cat:
            subprocess.run([*self.server.psql(), '-c', '\\copy views (item_id, "timestamp", source) FROM pstdin'], check=True, stdin=cat.stdout)
        return 10 * 200 * BODY / (time.monotonic() - begun)

    def single(self):
        seconds = self.options.seconds
        gateway, calls = [], []
        for _ in range(self.options.rounds):
            gateway.append(self.wrk(self.singles, 1, CONNECTIONS, seconds))
            calls.append(self.pgbench(seconds))
        a, b = statistics.median(gateway), statistics.median(calls)
        table(f'Single events, {CONNECTIONS} connections', '', 'events/s', 'ratio', 'at least', '')
        row('topk_api.ingest_event, a commit each (pgbench)', f'{b:,.0f}', '1')
        row('POST /api/v1/events (wrk)', f'{a:,.0f}', f'{a / b:.2f}', '5', verdict('single events', a / b, 5, least=True))

    def many(self):
        gateway, copy = [], []
        for _ in range(self.options.rounds):
            gateway.append(self.wrk(self.bodies, BODY, 16, self.options.seconds))
            copy.append(self.copy())
        a, b = statistics.median(gateway), statistics.median(copy)
        limit = max(400_000, 0.6 * b)
        table(f'Bodies of {BODY:,} events', '', 'events/s', 'ratio', 'at least', '')
        row('COPY by psql', f'{b:,.0f}', '1')
        row('POST /api/v1/events (wrk)', f'{a:,.0f}', f'{a / b:.2f}', f'{limit:,.0f}', verdict('bodies', a, limit, least=True))

    def answers(self):
        """500 questions a second on time, whatever the answers take, while 50,000 events a second arrive. The processes that send and
        ask are several, so that none waits for another's turn in Python."""
        fork = multiprocessing.get_context('fork')
        seconds = max(10, self.options.seconds)
        sent = fork.Value('q', 0)
        sender = fork.Process(target=send_events, args=(self.port, self.bodies, sent), daemon=True)
        sender.start()
        time.sleep(2)
        with fork.Pool(ASKERS) as pool:
            before, since = sent.value, time.monotonic()
            begun = since + 0.5  # when all of them are there
            found = pool.starmap(ask_questions, [(self.port, begun, seconds, i) for i in range(ASKERS)], chunksize=1)
            events = (sent.value - before) / (time.monotonic() - since)
        if not sender.is_alive():
            raise RuntimeError('events are not accepted')
        sender.terminate()
        times, late = (sorted(t for one in found for t in one[i]) for i in (0, 1))
        p = lambda values, q: f'{percentile(values, q):.1f}'
        table(f'GET /api/v1/topk at {QUESTIONS_PER_SECOND}/s while {events:,.0f} events/s arrive', '', 'p50', 'p95', 'p99', 'p99 at most', '')
        row('ms from sending', p(times, .5), p(times, .95), p(times, .99), '10', verdict('answers', percentile(times, .99), 10))
        row('ms from when it was due', p(late, .5), p(late, .95), p(late, .99), '', '')
        table('Events that arrive meanwhile', '', 'events/s', 'at least', '')
        row('POST /api/v1/events', f'{events:,.0f}', '45,000', verdict('events while answering', events, 45_000, least=True))

    def memory(self):
        """10 M events, looked at after each million."""
        def resident():
            with open(f'/proc/{self.gateway.pid}/status') as status:
                return int(re.search(r'VmRSS:\s+(\d+) kB', status.read()).group(1)) / 1024

        begun, sizes = self.events(), []
        while self.events() - begun < 10_000_000:
            self.wrk(self.bodies, BODY, 16, 2)
            sizes.append((self.events() - begun, resident()))
        warm = next(size for events, size in sizes if events >= 1_000_000)
        highest = max(size for events, size in sizes if events >= 1_000_000)
        table('Memory of the gateway', '', 'MB', 'at most', '')
        row('after 1 M events', f'{warm:.1f}')
        row(f'highest up to {sizes[-1][0] / 1e6:.1f} M events', f'{highest:.1f}', f'{warm * 1.25 + 5:.1f}', verdict('memory', highest, warm * 1.25 + 5))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=int, default=8)
    parser.add_argument('--only', default=','.join(SECTIONS))
    options = parser.parse_args()
    exit_when_terminated()
    bench = Bench(options)
    try:
        bench.start()
        bench.write_events()
        print(f'{os.cpu_count()} processors, {options.rounds} rounds of {options.seconds} s; load average {os.getloadavg()[0]:.1f} at the beginning')
        for section in options.only.split(','):
            {'single': bench.single, 'bodies': bench.many, 'answers': bench.answers, 'memory': bench.memory}[section]()
    finally:
        bench.stop()
    return conclude()


if __name__ == '__main__':
    sys.exit(main())
