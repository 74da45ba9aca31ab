#!/usr/bin/env python3
"""Measures counting at INSERT, beside keeping the rows and beside a table of counters: speed, WAL, memory, and latency of answers.

It starts private servers in a temporary directory and stops them at the end. Compared cases run in the same server, from the
same client, in interleaved rounds (A B A B ...), each after a checkpoint. It prints medians and their ratios, and exits with 1
if a limit is missed.

usage: run.py [--rounds N] [--scale X] [--only SECTION[,SECTION...]] [--long MINUTES]
environment: PG_CONFIG (default pg_config), ROWS and CLIENT (the binaries of rows.cpp and client.cpp)
"""
import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
sys.path += [os.path.join(root, 'bench'), os.path.join(root, 'tests/lib')]
from report import conclude, exit_when_terminated, row, table, verdict
from server import Server
from session import Session

SECTIONS = ('copy', 'trigger', 'batch', 'groups', 'single', 'memory', 'api', 'answers', 'sustained', 'long')
# All other settings are the defaults of a new server: fsync, synchronous_commit, full_page_writes and autovacuum on, work_mem 4 MB.
SETTINGS = {'shared_buffers': '2GB', 'max_wal_size': '16GB', 'checkpoint_timeout': '1h', 'timezone': 'UTC', 'jit': 'off'}
COLUMNS = '(item text, ts timestamptz, source text)'
STREAMS = {'zipf1.1': 'Zipf 1.1, 1 M', 'zipf1.1-100M': 'Zipf 1.1, 100 M', 'uniform': 'uniform, 1 M'}
MAIN = ('zipf1.1', 'zipf1.1-100M')  # the limits are for these; the others are only printed
SOURCES = 10
CLIENTS = 4
BATCH = 1000
HOUR, DAY = 3600, 86400

SINGLE = 'INSERT INTO {} VALUES ($1, $2, $3)'
BATCHED = 'INSERT INTO {} SELECT * FROM unnest($1, $2, $3)'
UPSERT = '''INSERT INTO counters AS c SELECT date_trunc('hour', $2), $3, $1, 1
    ON CONFLICT (hour, source, item) DO UPDATE SET n = c.n + 1'''
# The rows are in the order of the key, as concurrent batches would deadlock otherwise.
UPSERT_BATCHED = '''INSERT INTO counters AS c
    SELECT date_trunc('hour', ts), source, item, count(*) FROM unnest($1, $2, $3) AS t (item, ts, source)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (hour, source, item) DO UPDATE SET n = c.n + excluded.n'''


def rate(events_per_second):
    if events_per_second >= 1e6:
        return f'{events_per_second / 1e6:.2f} M/s'
    return f'{events_per_second:,.0f} /s'


class Bench:
    def __init__(self, options, settings):
        self.options = options
        self.server = Server()
        self.expected = {}  # rollup to events
        self.session = None
        self.settings = settings

    def __enter__(self):
        try:
            self.server.start(self.settings)
            self.session = Session(self.server)
            self.session.query('CREATE EXTENSION pg_topk;')
        except BaseException:
            self.server.remove()
            raise
        return self

    def __exit__(self, *_):
        if self.session:
            self.session.__exit__()
        self.server.remove()

    def query(self, sql):
        return self.session.query(sql)

    def stream(self, name, rollups, limits=''):
        """rollups: {name: group_by}."""
        self.query(f'CREATE FOREIGN TABLE {name} {COLUMNS} SERVER topk;')
        self.rollups(name, rollups, limits)

    def rollups(self, source, rollups, limits=''):
        for name, group_by in rollups.items():
            self.query(f"SELECT topk.create_rollup('{name}', '{source}', item => 'item', event_time => 'ts', "
                       f"group_by => '{group_by}'{limits});")
            self.expected.setdefault(source, {})[name] = 0

    def counted(self, source, events):
        for name in self.expected.get(source, ()):
            self.expected[source][name] += events

    def check_counts(self):
        """Checks that the rollups have counted every event once."""
        fold(self.session)
        found = dict(line.split('|') for line in self.query('SELECT rollup, events FROM topk.stats;'))
        for rollups in self.expected.values():
            for name, events in rollups.items():
                if int(found.get(name) or 0) != events:
                    raise RuntimeError(f'rollup {name} has {found.get(name)} events instead of {events}')
        print('\nEvery event is in its rollups.')

    def scaled(self, rows):
        return max(int(rows * self.options.scale), 1000)

    def seconds(self, full):
        return max(full * self.options.scale, 0.5)

    def file(self, stream, rows, seconds, sources, *order):
        """Returns a file of rows for COPY whose last time is about now."""
        path = os.path.join(self.server.directory, 'rows')
        with open(path, 'w') as out:
            os.fchmod(out.fileno(), 0o644)
            subprocess.run([os.environ['ROWS'], stream, str(rows), str(int(time.time()) - seconds), str(seconds),
                            str(sources), *order], stdout=out, check=True)
        return path

    def command(self, *arguments):
        return [os.environ['CLIENT'], f'host={self.server.directory} user={self.server.user} dbname=postgres',
                *(str(a) for a in arguments)]

    def client(self, *arguments):
        return subprocess.check_output(self.command(*arguments), text=True).split()

    def clean(self):
        """Prepares a measurement: no rows, nothing to fold, nothing to checkpoint."""
        fold(self.session)
        self.query("TRUNCATE unlogged, plain, watched, counters; CHECKPOINT;")

    def wal(self):
        return int(self.query("SELECT pg_current_wal_insert_lsn() - '0/0';")[0])


def fold(session, rounds=10000):
    """Folds all deltas, like a worker or CALL topk.run()."""
    for rollup in session.query('SELECT id FROM topk.rollup;'):
        for _ in range(rounds):
            if session.query(f'SELECT more FROM topk.fold({rollup});')[0] != 't':
                break
    session.query('SELECT topk.maintain();')


def interleaved(rounds, cases):
    """cases: {name: function}. Returns a list of the results of each function, by name."""
    results = {name: [] for name in cases}
    for done in range(-1 if rounds > 1 else 0, rounds):  # the first round warms up
        for name, measure in cases.items():
            result = measure()
            if done >= 0:
                results[name].append(result)
    return results


def prepare_capture(bench):
    bench.query(f'CREATE UNLOGGED TABLE unlogged {COLUMNS}; CREATE TABLE plain {COLUMNS}; CREATE TABLE watched {COLUMNS};')
    bench.query('CREATE TABLE counters (hour timestamptz, source text, item text, n bigint NOT NULL, '
                'PRIMARY KEY (hour, source, item));')
    bench.rollups('watched', {'watched': '{}'})
    bench.query(f'CREATE FOREIGN TABLE uncounted {COLUMNS} SERVER topk;')
    bench.stream('views', {'views': '{}'})
    bench.stream('twice', {'first': '{}', 'second': '{}'})
    bench.stream('grouped', {'by_source': '{source}'})
    bench.stream('mixed', {'mixed_all': '{}', 'mixed_source': '{source}'})


def copy_case(bench, target, path, rows, form='text'):
    def measure():
        bench.clean()
        before = bench.session.processor_ms()
        bench.query(f"COPY {target} FROM '{path}' (FORMAT {form});")
        bench.counted(target, rows)
        return bench.session.ms / 1000, (bench.session.processor_ms() - before) / 1000
    return measure


def binary_of(bench, path):
    """Returns a file of the same rows in the binary format of COPY."""
    binary = path + '.binary'
    bench.query(f"TRUNCATE unlogged; COPY unlogged FROM '{path}'; COPY unlogged TO '{binary}' (FORMAT binary);")
    return binary


def bench_copy(bench):
    rows = bench.scaled(5000000)
    names = {'unlogged': 'UNLOGGED table', 'plain': 'table', 'uncounted': 'stream without a rollup: reading the file',
             'views': 'stream, one rollup', 'twice': 'stream, two rollups', 'grouped': 'stream, one rollup of 10 groups',
             'mixed': 'stream, rollups with and without groups'}
    for (stream, title), form in [(s, 'text') for s in STREAMS.items()] + [((MAIN[0], STREAMS[MAIN[0]]), 'binary')]:
        path = bench.file(stream, rows, DAY, SOURCES)
        if form == 'binary':
            text, path = path, binary_of(bench, path)
            os.unlink(text)
        title = f'{title}, {form}'
        results = interleaved(bench.options.rounds, {name: copy_case(bench, name, path, rows, form) for name in names})
        times = {name: statistics.median(t for t, _ in r) for name, r in results.items()}
        table(f'COPY of a file of {rows} rows over a day, {title}', 'into', 'rate', 'rate by processor time', 'figure', 'ratio',
              'limit', '')
        for name, what in names.items():
            line = [what, rate(rows / times[name]), rate(rows / statistics.median(c for _, c in results[name]))]
            if name == 'views':
                row(*line, 'rate by that of the UNLOGGED table', f"{times['unlogged'] / times[name]:.2f}", '', '')
                near, limit = times['uncounted'] / times[name], 0.85 if form == 'binary' else 0.88
                row(*line, 'rate by that of reading the file', f'{near:.2f}', f'>= {limit}',
                    verdict(f'COPY, {title}', near, limit, True) if stream in MAIN else '')
                row(*line, 'rate', '', '>= 1 M/s',
                    verdict(f'COPY, absolute, {title}', rows / times[name], 1e6, True) if stream in MAIN else '')
            elif name == 'twice':
                slow = times[name] / times['views']
                row(*line, 'time by that of one rollup', f'{slow:.2f}', '<= 1.6',
                    verdict(f'two rollups, {title}', slow, 1.6) if stream in MAIN else '')
            else:
                row(*line, 'rate by that of the UNLOGGED table', f"{times['unlogged'] / times[name]:.2f}", '', '')
        os.unlink(path)


def bench_trigger(bench):
    rows = bench.scaled(2000000)
    table(f'Trigger: COPY of {rows} rows into a table with one rollup', 'rows', 'without', 'with', 'ratio', 'limit', '')
    for stream, title in STREAMS.items():
        path = bench.file(stream, rows, DAY, SOURCES)
        results = interleaved(bench.options.rounds,
                              {name: copy_case(bench, name, path, rows) for name in ('plain', 'watched')})
        times = {name: statistics.median(t for t, _ in r) for name, r in results.items()}
        slow = times['watched'] / times['plain']
        row(title, rate(rows / times['plain']), rate(rows / times['watched']), f'{slow:.2f}', '<= 1.5',
            verdict(f'trigger, {title}', slow, 1.5) if stream in MAIN else '')
        os.unlink(path)


def insert_case(bench, target, sql, stream, batch, seconds, folds=False, sources=SOURCES):
    def measure():
        bench.clean()
        before = bench.wal()
        events, took, _ = bench.client('insert', sql.format(target), stream, sources, CLIENTS, batch, seconds, 0)
        bench.counted(target, int(events))
        written = bench.wal() - before
        if folds:
            fold(bench.session)
        return int(events) / float(took), written / int(events), (bench.wal() - before) / int(events)
    return measure


def medians(results):
    return {name: [statistics.median(column) for column in zip(*r)] for name, r in results.items()}


def bench_batch(bench):
    seconds = bench.seconds(8)
    for stream, title in STREAMS.items():
        cases = {name: insert_case(bench, name, BATCHED, stream, BATCH, seconds, name in ('views', 'grouped'))
                 for name in ('unlogged', 'plain', 'views', 'grouped')}
        cases['counters'] = insert_case(bench, 'counters', UPSERT_BATCHED, stream, BATCH, seconds)
        figures = medians(interleaved(bench.options.rounds, cases))
        rates = {name: f[0] for name, f in figures.items()}
        main = stream in MAIN
        table(f'Batches of {BATCH} rows, {CLIENTS} clients, {title}', 'into', 'rate', 'WAL per event', 'with folds', 'figure',
              'ratio', 'limit', '')

        def line(name, what):
            return [what, rate(rates[name]), f'{figures[name][1]:.2f} B', f'{figures[name][2]:.2f} B']

        row(*line('unlogged', 'UNLOGGED table'), '', '', '', '')
        row(*line('plain', 'table'), '', '', '', '')
        row(*line('counters', 'UPSERT of counters'), '', '', '', '')
        fast = rates['views'] / rates['unlogged']
        row(*line('views', 'stream'), 'rate by that of the UNLOGGED table', f'{fast:.2f}', '>= 0.9',
            verdict(f'batches, {title}', fast, 0.9, True) if main else '')
        row(*line('views', 'stream'), 'rate', '', '>= 1 M/s',
            verdict(f'batches, absolute, {title}', rates['views'], 1e6, True) if main else '')
        wal = figures['plain'][1] / figures['views'][1]
        row(*line('views', 'stream'), "the table's WAL by its own", f'{wal:.1f}', '>= 20',
            verdict(f'WAL of batches, {title}', wal, 20, True) if main else '')
        wal = figures['plain'][1] / figures['views'][2]
        row(*line('views', 'stream'), "the table's WAL by its own with folds", f'{wal:.1f}', '', '')
        fast = rates['views'] / rates['counters']
        row(*line('views', 'stream'), 'rate by that of UPSERT', f'{fast:.1f}', '>= 8',
            verdict(f'batches beside UPSERT, {title}', fast, 8, True) if main else '')
        row(*line('grouped', 'stream, 10 groups'), 'rate by that of UPSERT', f"{rates['grouped'] / rates['counters']:.1f}", '',
            '')


GROUPS = {'100': 0.85, '1000': 0.75, 'zipf:100': 0.85, 'zipf:1000': 0.75}  # sources: limit of the ratio


def sources_title(sources):
    return f"{int(sources.removeprefix('zipf:')):,} groups, {'Zipf 1.0' if sources.startswith('zipf') else 'uniform'}"


def bench_groups(bench):
    """Batches and COPY into rollups with many groups, beside one without groups and the same rows."""
    seconds, stream = bench.seconds(8), 'zipf1.1'
    cases = {}
    for sources in GROUPS:
        cases['views', sources] = insert_case(bench, 'views', BATCHED, stream, BATCH, seconds, sources=sources)
        cases['grouped', sources] = insert_case(bench, 'grouped', BATCHED, stream, BATCH, seconds, True, sources)
    figures = medians(interleaved(bench.options.rounds, cases))
    table(f'Batches of {BATCH} rows into many groups, {CLIENTS} clients, {STREAMS[stream]}', 'groups', 'without groups', 'with groups',
          'WAL per event', 'with folds', 'ratio', 'limit', '')
    for sources, limit in GROUPS.items():
        grouped, views = figures['grouped', sources], figures['views', sources]
        ratio = grouped[0] / views[0]
        row(sources_title(sources), rate(views[0]), rate(grouped[0]), f'{grouped[1]:.2f} B', f'{grouped[2]:.2f} B', f'{ratio:.2f}',
            f'>= {limit}', verdict(f'batches, {sources_title(sources)}', ratio, limit, True))

    rows = bench.scaled(2000000)
    bench.query(f'CREATE TABLE watched_groups {COLUMNS};')
    bench.rollups('watched_groups', {'watched_groups': '{source}'})
    path = bench.file(stream, rows, DAY, 1000)
    results = interleaved(bench.options.rounds, {name: copy_case(bench, name, path, rows) for name in ('watched', 'watched_groups')})
    times = {name: statistics.median(t for t, _ in r) for name, r in results.items()}
    ratio = times['watched'] / times['watched_groups']
    table(f'Trigger: COPY of {rows} rows over a day into tables with one rollup', 'rollup', 'rate', 'ratio', 'limit', '')
    row('without groups', rate(rows / times['watched']), '', '', '')
    row('1,000 groups', rate(rows / times['watched_groups']), f'{ratio:.2f}', '>= 0.75',
        verdict('trigger, 1,000 groups', ratio, 0.75, True))
    os.unlink(path)
    bench.query('TRUNCATE watched_groups;')


def percentile(times, share):
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def sustain(bench, name, sources, seconds, per_second):
    """Inserts batches at so many statements per second (0: as fast as possible), asks meanwhile, and prints what was seen. Returns
    the statements per second. Each question has a session of its own, as users have: the system lets a process that has just used
    much time wait."""
    questions = {'topk.top, all groups': (f"topk.top('{name}', 'hour')", 20),
                 'topk.top, one group': (f"topk.top('{name}', 'hour', now(), 10, '{{source_7}}')", 20),
                 'topk.top of an idle rollup': ("topk.top('idle', 'hour')", 5),
                 'a question that reads nothing': ('generate_series(1, 1)', None)}
    times = {what: [] for what in questions}
    lags, sizes = [], []
    stats = f"SELECT coalesce(extract(epoch FROM fold_lag), 0), pending_events FROM topk.stats WHERE rollup = '{name}';"
    client = subprocess.Popen(bench.command('insert', BATCHED.format(name), 'zipf1.1', sources, CLIENTS, BATCH, seconds, per_second),
                              stdout=subprocess.PIPE, text=True)
    with ExitStack() as stack:
        sessions = {what: stack.enter_context(Session(bench.server)) for what in questions}
        for n in range(10 ** 9):
            if client.poll() is not None:
                break
            for what, (question, _) in questions.items():
                sessions[what].query(f'SELECT * FROM {question};')
                times[what].append(sessions[what].ms)
            if n % 10 == 0:
                lags.append(float(bench.query(stats)[0].split('|')[0]))
                sizes.append(log_size(bench.session) / 1e6)
            time.sleep(0.05)
    events, took, _ = client.communicate()[0].split()
    bench.counted(name, int(events))
    time.sleep(3)
    pending = int(bench.query(stats)[0].split('|')[1])
    title = sources_title(sources) + (', at half of that rate' if per_second else '')
    line = [rate(int(events) / float(took))]
    for what, (_, limit) in questions.items():
        p99 = percentile(times[what], 0.99)
        row(title, *line, what, f'{statistics.median(times[what]):.1f} ms', f'{p99:.1f} ms',
            *((f'{limit} ms', verdict(f'{what}, {title}', p99, limit)) if limit else ('', '')))
    row(title, *line, 'fold_lag', f'{statistics.median(lags):.1f} s', f'{max(lags):.1f} s', '3 s',
        verdict(f'fold_lag, {title}', max(lags), 3))
    row(title, *line, 'delta log', f'{statistics.median(sizes):.0f} MB', f'{max(sizes):.0f} MB', '64 MB',
        verdict(f'delta log, {title}', max(sizes), 64))
    row(title, *line, 'events that no fold has read 3 s after the end', '', str(pending), '0',
        verdict(f'pending events, {title}', pending, 0))
    return int(events) / BATCH / float(took)


def bench_sustained(bench):
    """With a worker, at full rate and at half of it: what waits, and how long answers take. The rollup without groups is idle, as are
    20 others."""
    seconds = bench.seconds(300)
    bench.stream('idle', {'idle': '{}'})
    for i in range(20):
        bench.stream(f'other_{i}', {f'other_{i}': '{}'})
    bench.query("INSERT INTO idle SELECT 'item_' || i % 1000, now(), 'a' FROM generate_series(1, 100000) AS i;")
    bench.counted('idle', 100000)
    table(f'{seconds:.0f} s of batches of {BATCH} rows, {CLIENTS} clients, with a worker', 'groups', 'rate', 'what', 'p50', 'p99 or most',
          'limit', '')
    for sources in GROUPS:
        name = 'full_' + sources.replace(':', '_')
        bench.stream(name, {name: '{source}'})
        statements = sustain(bench, name, sources, seconds, 0)
        sustain(bench, name, sources, seconds, max(round(statements / 2), 1))


def bench_single(bench):
    seconds = bench.seconds(10)
    for commit in ('on', 'off'):
        bench.query(f'ALTER SYSTEM SET synchronous_commit = {commit};\nSELECT pg_reload_conf();')
        for stream, title in STREAMS.items():
            if stream != 'zipf1.1' and commit == 'off':
                continue
            cases = {name: insert_case(bench, name, SINGLE, stream, 0, seconds) for name in ('plain', 'views', 'grouped')}
            cases['counters'] = insert_case(bench, 'counters', UPSERT, stream, 0, seconds)
            figures = medians(interleaved(bench.options.rounds, cases))
            main = stream in MAIN and commit == 'on'
            table(f'Single rows, {CLIENTS} clients, synchronous_commit {commit}, {title}', 'into', 'rate', 'WAL per event',
                  'rate by', 'ratio', 'limit', '')
            for name, what in {'plain': 'table', 'counters': 'UPSERT of counters', 'views': 'stream',
                               'grouped': 'stream, 10 groups'}.items():
                line = [what, rate(figures[name][0]), f'{figures[name][1]:.0f} B']
                if name in ('plain', 'counters'):
                    row(*line, '', '', '', '')
                    continue
                for peer, title_of_peer, limit in (('plain', 'the table', 0.85), ('counters', 'UPSERT', 1.0)):
                    ratio = figures[name][0] / figures[peer][0]
                    row(*line, title_of_peer, f'{ratio:.2f}', f'>= {limit}',
                        verdict(f'single rows beside {title_of_peer}, {title}', ratio, limit, True)
                        if main and name == 'views' else '')
            ratio = figures['grouped'][0] / figures['views'][0]
            row('stream, 10 groups', rate(figures['grouped'][0]), f"{figures['grouped'][1]:.0f} B", 'the stream', f'{ratio:.2f}', '>= 0.87',
                verdict(f'single rows into groups, {title}', ratio, 0.87, True) if main else '')
    bench.query('ALTER SYSTEM RESET synchronous_commit;\nSELECT pg_reload_conf();')


# 1 M/s, the limit that was set for text, was this share of the rate at which that machine reads such files.
SCATTERED = 0.43


def bench_memory(bench):
    rows = bench.scaled(5000000)
    bench.stream('scattered', {'scattered': '{source}'}, ", accept_past => '40 days'")
    path = bench.file('zipf1.1', rows, 30 * DAY, 100, 'scattered')
    paths = {'text': path, 'binary': binary_of(bench, path)}
    small = os.path.join(bench.server.directory, 'small')
    with open(small, 'w') as out:
        os.fchmod(out.fileno(), 0o644)
        subprocess.run(['head', '-1000', path], stdout=out, check=True)
    table(f'Memory: COPY of {rows} rows in no order over 720 tiles of 100 groups', 'work_mem', 'format', 'figure', 'value', 'limit', '')
    for work_mem, form in ((4, 'text'), (4, 'binary'), (64, 'text')):
        fold(bench.session)
        with Session(bench.server) as session:
            session.query(f"SET work_mem = '{work_mem}MB'; SET client_min_messages = error; COPY scattered FROM '{small}';")
            peak = session.peak_memory(f"COPY scattered FROM '{paths[form]}' (FORMAT {form});") / 1024
            took = session.ms
            bench.counted('scattered', rows + 1000)
            session.query(f"COPY uncounted FROM '{paths[form]}' (FORMAT {form});")
            near, per_second = session.ms / took, rows / took * 1000
        line = [f'{work_mem} MB', form]
        row(*line, 'private memory', f'{peak:.1f} MB', f'{work_mem + 64} MB',
            verdict(f'memory of COPY in no order, work_mem {work_mem} MB, {form}', peak, work_mem + 64))
        row(*line, 'rate', rate(per_second), *(('>= 1 M/s', verdict('rate of COPY in no order, binary', per_second, 1e6, True))
                                               if form == 'binary' else ('', '')))
        row(*line, 'rate by that of reading the file', f'{near:.2f}',
            *((f'>= {SCATTERED}', verdict('rate of COPY in no order by that of reading the file', near, SCATTERED, True))
              if (work_mem, form) == (4, 'text') else ('', '')))
        deltas, size = '+'.join(f'(SELECT count(*) FROM topk.delta_{i})' for i in range(4)), log_size(bench.session)
        count = int(bench.query(f'SELECT {deltas};')[0])
        row(*line, f'rows of the delta log, {size / 1e6:.1f} MB', count,
            *(('<= 200,000', verdict(f'rows of COPY in no order, {form}', count, 200000)) if work_mem == 4 else ('', '')))
    for path in paths.values():
        os.unlink(path)


def bench_api(bench):
    """Measures functions of topk_api beside the statements that they replace, in one backend, including the commit."""
    bench.query('CREATE FOREIGN TABLE events (item_id text, ts timestamptz, source text, metadata jsonb) SERVER topk;')
    bench.query("SELECT topk.create_rollup('events', 'events', item => 'item_id', event_time => 'ts');")
    bench.expected['events'] = {'events': 0}
    bench.query('''CREATE TABLE payload AS
        SELECT n, jsonb_agg(jsonb_build_object('item_id', 'item_' || i * 7919 % 1000, 'timestamp', now(), 'source', 'source_' || i % 10,
                                               'metadata', jsonb_build_object('user', i))) AS events
        FROM unnest('{1, 100, 10000}'::int[]) AS n, generate_series(1, n) AS i GROUP BY n;''')

    def timed(sql, events=0):
        def measure():
            bench.query(sql)
            bench.counted('events', events)
            return bench.session.ms
        return measure

    cases = {}
    for n in (1, 100, 10000):
        cases[f'ingest_events, {n:,} events'] = timed(f"SELECT length(topk_api.ingest_events('events', events)::text) FROM payload WHERE n = {n};", n)
        cases[f'INSERT of the same {n:,} rows'] = timed(
            "INSERT INTO events SELECT e ->> 'item_id', (e ->> 'timestamp')::timestamptz, e ->> 'source', e -> 'metadata' "
            f'FROM payload, jsonb_array_elements(events) AS e WHERE n = {n};', n)
    cases['ingest_event'] = timed("SELECT length(topk_api.ingest_event('events', 'item_1', source => 'source_1')::text);", 1)
    cases['get_topk'] = timed("SELECT length(topk_api.get_topk('events')::text);")
    cases['topk.window_info and topk.top'] = timed("SELECT count(*) FROM topk.window_info('events', 'hour'), topk.top('events', 'hour');")
    results = interleaved(max(bench.options.rounds, 20), cases)
    table('The JSON API', 'call', 'median', 'longest', 'limit', '')
    for name, ms in results.items():
        limit = ('500 ms', verdict(name, statistics.median(ms), 500)) if name.startswith('ingest_events, 10,000') else ('', '')
        row(name, f'{statistics.median(ms):.2f} ms', f'{max(ms):.2f} ms', *limit)


def log_size(session):
    return int(session.query('SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = \'topk\'::regnamespace '
                             "AND relname ~ '^delta_[0-9]$';")[0])


class Folder:
    """Folds every second, like the worker."""

    def __init__(self, bench):
        self.server = bench.server
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.failure = None

    def run(self):
        try:
            with Session(self.server) as session:
                while not self.done.wait(1):
                    fold(session, 1)
        except Exception as failure:  # the thread that waits raises it
            self.failure = failure

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        if self.failure:
            raise self.failure


class Writers:
    """Single-row inserts at a constant rate in the background."""

    def __init__(self, bench, target, per_second, sources):
        self.bench, self.target, self.per_second = bench, target, per_second
        self.arguments = bench.command('insert', SINGLE.format(target).replace('$2', 'now()'), 'zipf1.1', sources, CLIENTS, 0,
                                       10 ** 6, per_second)

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        events, seconds, late = self.process.communicate()[0].split()
        self.bench.counted(self.target, int(events))
        print(f'\nInserted meanwhile: {rate(int(events) / float(seconds))} of {rate(self.per_second)}, '
              f'{late} of {events} more than a second late.', flush=True)


def load(bench, target, rows, sources):
    path = bench.file('zipf1.1', rows, 32 * DAY, sources)
    bench.query(f"COPY {target} FROM '{path}';")
    copied = bench.session.ms
    bench.counted(target, rows)
    os.unlink(path)
    begin = time.time()
    fold(bench.session)
    print(f'\n{target}: {rows} rows of 32 days loaded in {copied / 1000:.1f} s, folded in {time.time() - begin:.1f} s')


def bench_answers(bench):
    bench.stream('views', {'views': '{}'}, ", capacity => 1000, accept_past => '40 days'")
    bench.stream('grouped', {'grouped': '{source}'}, ", capacity => 1000, accept_past => '40 days'")
    load(bench, 'views', bench.scaled(10000000), SOURCES)
    load(bench, 'grouped', bench.scaled(5000000), 1000)
    bench.query('VACUUM ANALYZE topk.tile;')

    table('Stored counts', 'rollup', 'level', 'all groups', 'rows', 'summary', 'sketch', 'registers', 'all')
    for line in bench.query('''SELECT r.name, t.level, t.grp IS NULL, count(*), avg(pg_column_size(summary))::int,
                                   avg(coalesce(pg_column_size(sketch), 0))::int, avg(coalesce(pg_column_size(registers), 0))::int,
                                   pg_size_pretty(sum(pg_column_size(t.*)))
                               FROM topk.tile t JOIN topk.rollup r ON r.id = t.rollup GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;'''):
        name, level, everything, rows, *sizes, total = line.split('|')
        row(name, ('tile', 'hour', 'day', 'week', 'month')[int(level)], everything, rows, *(f'{s} B' for s in sizes), total)
    print('\ntopk.tile with its indexes: ' + bench.query("SELECT pg_size_pretty(pg_total_relation_size('topk.tile'));")[0])

    queries, seconds = bench.scaled(20000), bench.seconds(20)
    past = {'hour': '3 hours', 'day': '2 days', 'week': '8 days', 'month': '1 month'}
    kinds = [('views', 'without groups', 'NULL')] + [('grouped', what, group) for what, group in
                                                     (('all of 1,000 groups', 'NULL'), ('one of 1,000 groups', 'array[$1]'))]
    for target in ('views', 'grouped'):
        with Folder(bench), Writers(bench, target, 5000, SOURCES if target == 'views' else 1000):
            table(f'topk.top under 5,000 single-row inserts a second: {target}', 'of', 'window', 'queries', 'rows', 'p50', 'p95', 'p99',
                  'longest', 'limit', '')
            time.sleep(2)
            for _, what, group in (k for k in kinds if k[0] == target):
                for kind, ago in past.items():
                    for at, when in (('now()', 'current'), (f"now() - interval '{ago}'", 'past')):
                        arguments = ['source_#1000'] if '$1' in group else []
                        n, p50, p95, p99, longest, rows = bench.client(
                            'read', f"SELECT * FROM topk.top('{target}', '{kind}', {at}, 10, {group})", queries, seconds, *arguments)
                        row(what, f'{when} {kind}', n, f'{int(rows) / int(n):.1f}', f'{p50} ms', f'{p95} ms', f'{p99} ms', f'{longest} ms',
                            '5 ms', verdict(f'p99 of the {when} {kind}, {what}', float(p99), 5))


def bench_long(bench):
    """Measures how far the delta log and the tiles grow while an old snapshot is held."""
    minutes = bench.options.long
    bench.stream('held', {'held': '{}'})
    with Session(bench.server) as reader, Folder(bench), Writers(bench, 'held', 5000, SOURCES):
        table(f'Sizes during {minutes} minutes of 5,000 transactions a second beside an old snapshot', 'second', 'delta log',
              'tiles', 'topk.top')
        begin = time.time()
        reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM topk.tile;')
        while time.time() < begin + 60 * minutes:
            time.sleep(10)
            tiles = int(bench.query("SELECT pg_total_relation_size('topk.tile');")[0])
            bench.query("SELECT * FROM topk.top('held', 'hour');")
            took = bench.session.ms
            row(f'{time.time() - begin:.0f}', f'{log_size(bench.session) / 1e6:.1f} MB', f'{tiles / 1e6:.1f} MB', f'{took:.1f} ms')
        reader.query('COMMIT;')
        print('\nThe old snapshot ends.')
        for _ in range(3):
            time.sleep(10)
            row(f'{time.time() - begin:.0f}', f'{log_size(bench.session) / 1e6:.1f} MB', '', '')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--scale', type=float, default=1.0, help='of rows, seconds and queries')
    parser.add_argument('--only', default=','.join(SECTIONS))
    parser.add_argument('--long', type=float, default=0, metavar='MINUTES', help='of section long, which is left out without')
    options = parser.parse_args()
    sections = options.only.split(',')
    if not set(sections) <= set(SECTIONS):
        parser.error('sections are ' + ', '.join(SECTIONS))
    if not {'ROWS', 'CLIENT'} <= set(os.environ):
        sys.exit('ROWS, CLIENT: paths of the row generator and of the client; run this through make -C bench stream')

    exit_when_terminated()
    with Bench(options, SETTINGS) as bench:
        print(bench.query('SELECT version();')[0], f'{os.cpu_count()} cores', sep=', ')
        print(', '.join(bench.query("SELECT name || ' ' || current_setting(name) FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', "
                                    "'full_page_writes', 'wal_level', 'wal_compression', 'autovacuum', 'work_mem', 'shared_buffers', 'max_wal_size') "
                                    'ORDER BY name;')))
        prepare_capture(bench)
        for name, run in (('copy', bench_copy), ('trigger', bench_trigger), ('batch', bench_batch), ('groups', bench_groups), ('single', bench_single),
                          ('memory', bench_memory), ('api', bench_api)):
            if name in sections:
                run(bench)
        bench.check_counts()
    if 'answers' in sections:
        with Bench(options, SETTINGS) as bench:
            bench_answers(bench)
            bench.check_counts()
    if 'sustained' in sections:
        with Bench(options, {**SETTINGS, 'shared_preload_libraries': 'pg_topk', 'synchronous_commit': 'off'}) as bench:
            bench_sustained(bench)
            bench.check_counts()
    if 'long' in sections and options.long > 0:
        with Bench(options, SETTINGS) as bench:
            bench_long(bench)
            bench.check_counts()
    return conclude()


if __name__ == '__main__':
    sys.exit(main())
