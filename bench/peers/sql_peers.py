"""Ways to count in PostgreSQL, each with a server of its own."""
import os
import subprocess
import time

from scenario import BATCH, HOURS
from server import Server
from session import Session

# All other settings are the defaults of a new server: fsync, synchronous_commit, full_page_writes, autovacuum and parallel queries.
SETTINGS = {'shared_buffers': '1GB', 'work_mem': '64MB', 'max_wal_size': '16GB', 'checkpoint_timeout': '1h', 'timezone': 'UTC',
            'jit': 'off', 'client_min_messages': 'warning'}
COLUMNS = 'item text, ts timestamptz NOT NULL, source text'
ROWS = 'unnest({}, {}, {}) AS t (item, ts, source)'
ARRAYS = ROWS.format('$1', '$2', '$3')


class SqlPeer:
    extension = None
    preload = ''
    settings = {}
    background = None  # SQL of the background work that the crash interrupts, if any
    settles = None  # SQL that makes it count all events, if any
    drop_raw = None  # SQL that removes rows that have been counted
    pack = None  # SQL that compresses rows, if any

    def __init__(self, scenario):
        self.scenario = scenario
        self.server = Server()
        self.used = 0.0  # processor time before the last launch
        self.session = self.replay = None

    def missing(self):
        """Returns what this peer needs and the server lacks, or None."""
        sharedir = subprocess.check_output([os.environ.get('PG_CONFIG', 'pg_config'), '--sharedir'], text=True).strip()
        for extension in (self.extension or '').split():
            if not os.path.exists(os.path.join(sharedir, 'extension', extension + '.control')):
                return f'extension {extension}'
        return None

    def version(self):
        if not self.extension:
            return ''
        name = self.extension.split()[-1]
        return self.query(f"SELECT name || ' ' || default_version FROM pg_available_extensions WHERE name = '{name}';")[0]

    def start(self):
        self.server.start({**SETTINGS, 'shared_preload_libraries': self.preload, **self.settings})
        self.session = Session(self.server)
        self.query(self.setup())
        self.session.__exit__()
        self.connect()
        time.sleep(2)  # its background workers start
        self.query('CHECKPOINT;')
        self.empty = self.database_size()
        self.begin()

    def connect(self):
        self.session = Session(self.server)
        self.conninfo = f'host={self.server.directory} user={self.server.user} dbname=postgres'
        self.replay = subprocess.Popen([os.environ['REPLAY'], self.conninfo, self.batch(ARRAYS), *self.scenario.arguments(), str(BATCH)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self):
        """Processor time and WAL count from here on."""
        self.used = -self.server.processor_seconds()
        self.log_start = self.log_position()

    def stop(self):
        for process in (self.replay, self.session and self.session.process):
            if process:
                process.stdin.close()
                process.wait()
        self.server.remove()

    def query(self, sql):
        return self.session.query(sql)

    # Inserting

    def batch(self, rows):
        return f'INSERT INTO events (item, ts, source) SELECT * FROM {rows}'

    def single(self):
        return 'INSERT INTO events (item, ts, source) VALUES ($1, $2, $3)'

    def command(self, command, first, last):
        print(command, first, last, file=self.replay.stdin, flush=True)
        answer = self.replay.stdout.readline()
        if not answer:
            raise RuntimeError(f'{self.title}: inserting failed')
        return float(answer)

    def load(self, steps):
        """The average seconds of the committed batches."""
        took, batches = 0.0, 0
        for command, first, last in steps:
            seconds = self.command(command, first, last)
            if command == 'commit':
                took += seconds
                batches += last - first
        return took / batches

    def hour_over(self, hour):
        """Does the work that is due at the end of an hour, and returns its seconds."""
        return 0.0

    def add(self, item, count, hour):
        """In one transaction."""
        time_of = f"{self.scenario.hour(hour)} + interval '1 minute'"
        self.query(self.batch(ROWS.format(*(f"array_fill({value}, '{{{count}}}')" for value in
                                           (f"'{item}'::text", time_of, "'source_1'::text")))) + ';')

    def singles(self, seconds, clients):
        """(events, seconds)"""
        events, took, _ = subprocess.check_output([os.environ['CLIENT'], self.conninfo, 'insert', self.single(), 'zipf1.1', '10',
                                                   str(clients), '0', str(seconds), '0'], text=True).split()
        return int(events), float(took)

    def crash(self, first, last):
        """Crashes the server during a transaction with batches, and during its background work if it has any. Returns what was
        interrupted, and the seconds from the start of the server until it accepts queries."""
        self.command('open', first, last)
        background = None
        if self.background:
            background = subprocess.Popen([*self.server.psql(), '-c', self.background], stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)
            time.sleep(0.1)
        interrupted = background is not None and background.poll() is None
        self.used += self.server.processor_seconds()
        self.server.stop('immediate')
        for process in (self.replay, self.session.process, background):
            if process:
                process.communicate()
        begin = time.time()
        self.server.launch()
        took = time.time() - begin
        self.connect()
        self.used -= self.server.processor_seconds()
        return interrupted, took

    def settle(self):
        if self.settles:
            self.query(self.settles)

    # Answers: SQL that returns items and their counts; `hour` is None for the day

    def span(self, hour):
        return (self.scenario.hour(hour), self.scenario.hour(hour + 1)) if hour is not None else \
            (self.scenario.hour(0), self.scenario.hour(HOURS))

    def top(self, hour=None):
        return [(item, int(count)) for item, count in (line.rsplit('|', 1) for line in self.query(self.ask(hour)))]

    def timed_top(self, hour):
        self.query(self.ask(hour))
        return self.session.ms

    def totals(self):
        """SQL for the events of each hour."""
        return [int(self.query(self.total(*self.span(hour)))[0] or 0) for hour in range(HOURS)]

    def all_events(self):
        return int(self.query(self.total("'-infinity'", "'infinity'"))[0])

    # Cost

    def processor(self):
        return self.used + self.server.processor_seconds()

    def log_position(self):
        return int(self.query("SELECT pg_current_wal_insert_lsn() - '0/0';")[0])

    def log_bytes(self):
        return self.log_position() - self.log_start

    def database_size(self):
        return int(self.query('SELECT pg_database_size(current_database());')[0])

    def disk(self):
        self.query('VACUUM ANALYZE;')
        return self.database_size() - self.empty


class Table(SqlPeer):
    name, title, keeps = 'table', 'table, `GROUP BY` when asked', 'rows'

    def setup(self):
        return f'CREATE TABLE events ({COLUMNS}); CREATE INDEX ON events USING brin (ts);'

    def ask(self, hour):
        since, until = self.span(hour)
        return f'''SELECT item, count(*) FROM events WHERE ts >= {since} AND ts < {until} GROUP BY item
            ORDER BY count(*) DESC, item LIMIT 10;'''

    def total(self, since, until):
        return f'SELECT count(*) FROM events WHERE ts >= {since} AND ts < {until};'


class Counters(SqlPeer):
    name, title, table = 'counters', 'UPSERT of (hour, item)', 'counters'

    def setup(self):
        return f'CREATE TABLE {self.table} (hour timestamptz, item text, n bigint NOT NULL, PRIMARY KEY (hour, item));'

    def batch(self, rows):
        return self.upsert(rows)

    def upsert(self, rows):
        # The rows are in the order of the key, as concurrent batches would deadlock otherwise.
        return f'''INSERT INTO {self.table} AS c SELECT date_trunc('hour', ts), item, count(*) FROM {rows}
            GROUP BY 1, 2 ORDER BY 1, 2 ON CONFLICT (hour, item) DO UPDATE SET n = c.n + excluded.n'''

    def single(self):
        # Only peers that keep the source use $3.
        return f'''INSERT INTO {self.table} AS c SELECT date_trunc('hour', $2), $1, 1 WHERE $3 <> ''
            ON CONFLICT (hour, item) DO UPDATE SET n = c.n + 1'''

    def ask(self, hour):
        since, until = self.span(hour)
        if hour is not None:
            return f'SELECT item, n FROM {self.table} WHERE hour = {since} ORDER BY n DESC, item LIMIT 10;'
        return f'''SELECT item, sum(n) FROM {self.table} WHERE hour >= {since} AND hour < {until} GROUP BY item
            ORDER BY sum(n) DESC, item LIMIT 10;'''

    def total(self, since, until):
        return f'SELECT sum(n) FROM {self.table} WHERE hour >= {since} AND hour < {until};'


class Timescale(Counters):
    name, title, table = 'timescaledb', 'TimescaleDB, continuous aggregate', 'hourly'
    extension, preload = 'timescaledb', 'timescaledb'
    settings = {'timescaledb.telemetry_level': 'off'}

    def setup(self):
        # Chunks have the length of a window and only the indexes that are used then: this is cheaper than the defaults in every respect.
        return f'''CREATE EXTENSION timescaledb;
            CREATE TABLE events ({COLUMNS});
            SELECT create_hypertable('events', by_range('ts', interval '1 hour'), create_default_indexes => false);
            CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false,
                timescaledb.create_group_indexes = false) AS
            SELECT time_bucket('1 hour', ts) AS hour, item, count(*) AS n FROM events GROUP BY 1, 2 WITH NO DATA;'''

    batch, single = SqlPeer.batch, SqlPeer.single

    def refresh(self, hour):
        since, until = self.span(hour)
        return f"CALL refresh_continuous_aggregate('hourly', {since}, {until});"

    def hour_over(self, hour):
        if hour == HOURS - 1:  # the present hour
            return 0.0
        if hour == self.scenario.crash - 1:  # its work is left for the crash, see background
            return 0.0
        begin = time.time()
        self.query(self.refresh(hour))
        if hour == self.scenario.crash:
            self.query(self.refresh(hour - 1))
        return time.time() - begin

    @property
    def background(self):
        return self.refresh(self.scenario.crash - 1)

    @property
    def pack(self):
        """Compresses rows and counts of all hours except the present one."""
        now = self.scenario.hour(HOURS - 1)
        return f'''ALTER TABLE events SET (timescaledb.compress, timescaledb.compress_orderby = 'ts');
            ALTER MATERIALIZED VIEW hourly SET (timescaledb.compress);
            SELECT compress_chunk(c) FROM show_chunks('events', {now}) AS c;
            SELECT compress_chunk(c) FROM show_chunks('hourly', {now}) AS c;'''

    @property
    def drop_raw(self):
        return f"SELECT drop_chunks('events', {self.scenario.hour(HOURS - 1)});"

    def late(self, hour):
        """SQL that makes it count an event of an hour that it has already materialized."""
        return self.refresh(hour)


class Incremental(Counters):
    name, title, table = 'pg_incremental', 'pg_incremental', 'hourly'
    extension, preload = 'pg_cron pg_incremental', 'pg_cron'
    settings = {'cron.use_background_workers': 'on'}
    background = settles = "CALL incremental.execute_pipeline('hourly');"
    drop_raw = 'TRUNCATE events;'

    def setup(self):
        return f'''CREATE EXTENSION pg_cron; CREATE EXTENSION pg_incremental;
            CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, {COLUMNS});
            CREATE INDEX ON events USING brin (id);
            {super().setup()}
            SELECT incremental.create_sequence_pipeline('hourly', 'events',
                $pipeline${self.upsert('events WHERE id BETWEEN $1 AND $2')}$pipeline$);'''

    batch, single = SqlPeer.batch, SqlPeer.single


class Stream(SqlPeer):
    name, title, source = 'stream', '**pg_topk, stream**', 'FOREIGN TABLE events ({}) SERVER topk'
    extension = preload = 'pg_topk'
    background = 'CALL topk.run();'

    def setup(self):
        return f'''CREATE EXTENSION pg_topk; CREATE {self.source.format(COLUMNS)};
            SELECT topk.create_rollup('views', 'events', item => 'item', event_time => 'ts', timezone => '{self.scenario.zone()}');'''

    def settle(self):
        # Counts need no work at the end of an hour; this measures the WAL of a fold.
        for _ in range(100):
            if self.query("SELECT more FROM topk.fold((SELECT id FROM topk.rollup));")[0] != 't':
                return

    def ask(self, hour):
        kind, at = ('hour', self.scenario.hour(hour)) if hour is not None else ('day', self.scenario.hour(0))
        return f"SELECT item, count FROM topk.top('views', '{kind}', {at}, 10);"

    def bounds(self, hour=None):
        """{item: (least, most)}"""
        sql = self.ask(hour).replace('item, count', "item, count || '|' || error")
        return {item: (int(count) - int(error), int(count)) for item, count, error in
                (line.rsplit('|', 2) for line in self.query(sql))}

    def total(self, since, until):
        if since.endswith('infinity\''):
            since, until = self.scenario.hour(-1), self.scenario.hour(HOURS + 24)
        return f'''SELECT sum(i.events) FROM generate_series({since}, {until} - interval '1 second', '1 hour') AS h,
            topk.window_info('views', 'hour', h) AS i;'''


class WatchedTable(Stream):
    name, title, source = 'watched', '**pg_topk, table with a rollup**', 'TABLE events ({})'
    drop_raw = 'TRUNCATE events;'

    def setup(self):
        return super().setup() + ' CREATE INDEX ON events USING brin (ts);'
