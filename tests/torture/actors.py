"""The actors that use the server at the same time: writers, readers, folders, and killers. Each is a thread."""
import dataclasses
import datetime
import io
import random
import struct
import threading
import time
import traceback

import psycopg2
import psycopg2.errors

import world
from server import kill

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(2000, 1, 1, tzinfo=UTC)
RETRY = {'40001', '40P01'}  # serialization failure, deadlock
# SQLSTATEs of an ended connection, and of a server that is starting or stopping.
GONE = {'57P01', '57P02', '57P03', '57P05', None}


class Report:
    """Figures and failures of all actors."""

    def __init__(self):
        self.lock = threading.Lock()
        self.figures = {}
        self.failures = {}

    def count(self, what, n=1):
        with self.lock:
            self.figures[what] = self.figures.get(what, 0) + n

    def fail(self, check, detail):
        with self.lock:
            self.failures.setdefault(check, []).append(detail)


class Actor(threading.Thread):

    def __init__(self, run, name, seed):
        super().__init__(name=name, daemon=True)
        self.world = run
        self.report = run.report
        self.random = random.Random(f'{seed}/{name}')
        self.connection = None

    def server(self):
        return self.world.primary

    def connect(self):
        if self.connection is None or self.connection.closed:
            self.connection = self.server().connect(f'torture {self.name}')
        return self.connection

    def query(self, sql, *args):
        with self.connect().cursor() as c:
            c.execute(sql, args or None)
            return c.fetchall() if c.description else None

    def forget(self):
        if self.connection is not None and not self.connection.closed:
            try:
                self.connection.close()
            except psycopg2.Error:
                pass
        self.connection = None

    def run(self):
        while not self.world.stopping.is_set():
            try:
                self.act()
            except psycopg2.Error as e:
                if e.pgcode in RETRY:
                    self.report.count('retries after serialization failures and deadlocks')
                elif e.pgcode in GONE or (e.pgcode or '').startswith('08'):
                    self.report.count('connections lost')
                else:
                    self.unexpected(e)
                self.recover(e)
            except SystemError:  # psycopg2 may raise it if a connection is lost in COPY
                self.report.count('connections lost')
                self.forget()
            except Exception:
                self.report.fail('no unexpected error', f'{self.name}: {traceback.format_exc()}')
                time.sleep(1)
        self.forget()

    def unexpected(self, e):
        context = getattr(e.diag, 'context', None) or ''
        self.report.fail('no unexpected error', f'{self.name}: {e.pgcode} {e} {context}')

    def recover(self, e):
        if e.pgcode in GONE or self.connection is None or self.connection.closed:
            self.forget()
            return
        try:
            self.query('ROLLBACK')
        except psycopg2.Error:
            self.forget()

    def act(self):
        raise NotImplementedError

    def pause(self, least, most):
        self.world.stopping.wait(self.random.uniform(least, most))


def copy_text(rows):
    return ''.join('\t'.join('\\N' if v is None else str(v) for v in row) + '\n' for row in rows)


def copy_csv(rows):
    return ''.join(','.join('' if v is None else f'"{v}"' for v in row) + '\n' for row in rows)


def copy_binary(rows):
    out = [b'PGCOPY\n\xff\r\n\0' + struct.pack('>ii', 0, 0)]
    for row in rows:
        out.append(struct.pack('>h', len(row)))
        for v in row:
            if v is None:
                data = None
            elif isinstance(v, datetime.datetime):
                data = struct.pack('>q', (v - EPOCH) // datetime.timedelta(microseconds=1))
            elif isinstance(v, int):
                data = struct.pack('>q', v)
            else:
                data = v.encode()
            out.append(struct.pack('>i', -1) if data is None else struct.pack('>i', len(data)) + data)
    out.append(struct.pack('>h', -1))
    return b''.join(out)


class Writer(Actor):
    columns = {'ev': 'item, ts, source, w', 'tab': 'item, ts, source, w', 'part': 'item, ts, source, w',
               'swap': 'item, ts, source, w', 'big': 'item, ts'}

    def act(self):
        r = self.random
        level = r.choice(['READ COMMITTED'] * 3 + ['REPEATABLE READ', 'SERIALIZABLE'])
        if r.random() < 0.15:  # a single statement
            source = r.choice(['tab', 'part'])
            self.write(source, r.randint(1, 5))
            self.report.count('transactions committed')
            return
        self.query(f'BEGIN ISOLATION LEVEL {level}')
        for _ in range(r.randint(1, 3)):
            self.step()
        end = r.random()
        if end < 0.1:
            self.query('ROLLBACK')
            self.report.count('transactions rolled back')
        elif end < 0.2:
            gid = f'torture {self.name} {r.getrandbits(64)}'
            self.query(f"PREPARE TRANSACTION '{gid}'")
            self.report.count('transactions prepared')
            if r.random() < 0.5:
                self.query(f"{r.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])} PREPARED '{gid}'")
        elif end < 0.23:  # the statement fails at its end
            try:
                self.query("INSERT INTO ev VALUES ('i0001', now(), 's0', -1)")
                self.report.fail('a negative weight is refused', 'it was not')
            except psycopg2.errors.InvalidParameterValue:
                self.query('ROLLBACK')
                self.report.count('transactions rolled back')
        elif end < 0.25 and self.connect().info.backend_pid:  # the client ends in the middle
            self.forget()
        else:
            self.query('COMMIT')
            self.report.count('transactions committed')

    def step(self):
        r = self.random
        source = r.choice(['ev', 'ev', 'tab', 'part', 'swap', 'big'])
        kind = r.random()
        if kind < 0.12:
            self.query('SAVEPOINT a')
            self.write(source, r.randint(1, 300))
            if r.random() < 0.5:
                self.query('SAVEPOINT b')
                self.write(r.choice(['ev', 'tab']), 3)
                self.query(r.choice(['RELEASE SAVEPOINT b', 'ROLLBACK TO SAVEPOINT b']))
            self.query('ROLLBACK TO SAVEPOINT a')
            if r.random() < 0.5:
                self.write(source, 2)
        elif kind < 0.18:
            self.query(f'CALL by_hand({r.randint(1, 6)})')
            self.report.count('events written', 6)
        elif kind < 0.30:
            n = r.choice([100, 1000, 5000])
            self.query(f'CALL load_{source}({n})')
            self.report.count('events written', n)
        elif kind < 0.33 and source == 'ev':
            self.write_rejected()
        elif kind < 0.40:
            n = r.choice([300, 3000, 30000, 30000])
            self.query(f'CALL load_wide({n})')
            self.report.count('events written', n)
        else:
            self.write(source, r.choice([1, 1, 1, 2, 10, 100, 400]))
        if r.random() < 0.05:  # the writer reads its own rows
            compare(self, world.ROLLUPS[0], 'own writes are read')

    def times(self, n):
        """Returns the times of a batch, in few hours or in many."""
        r = self.random
        spread = r.random()
        now = datetime.datetime.now(UTC)
        some = r.sample(self.world.hot, 3)
        for _ in range(n):
            if spread < 0.3:
                yield now - datetime.timedelta(seconds=r.randint(0, 3))
            elif spread < 0.7:
                yield r.choice(some) + datetime.timedelta(seconds=r.randint(0, 3599))
            elif spread < 0.98:
                yield r.choice(self.world.hot) + datetime.timedelta(microseconds=r.randint(0, 3599999999))
            else:
                yield now - datetime.timedelta(seconds=r.randint(0, 40 * 86400))

    def rows(self, source, n):
        r = self.random
        for t in self.times(n):
            if source == 'big':
                yield (int(2.718 ** r.uniform(0, 10)), t)
            else:
                item = None if r.random() < 0.01 else f'i{int(r.random() * r.random() * 60):04}'
                group = f'p{r.randint(0, 11)}' if source == 'part' else r.choice(['s0', 's1', 's2', 's3', 's4', None])
                yield (item, t, group, r.randint(0, 9))

    def write(self, source, n):
        rows = list(self.rows(source, n))
        first = self.random.random() < 0.5
        if first:
            self.write_truth(source, rows)
        method = self.random.random()
        columns = self.columns[source]
        connection = self.connect()
        with connection.cursor() as c:
            if n > 2 and method < 0.5:
                form = self.random.choice(['text', 'csv', 'binary'])
                data = {'text': copy_text, 'csv': copy_csv, 'binary': copy_binary}[form](rows)
                file = io.BytesIO(data) if form == 'binary' else io.StringIO(data)
                c.copy_expert(f'COPY {source} ({columns}) FROM STDIN (FORMAT {form})', file)
            else:
                values = ', '.join(c.mogrify(f"({', '.join(['%s'] * len(row))})", row).decode() for row in rows)
                c.execute(f'INSERT INTO {source} ({columns}) VALUES {values}')
        if not first:
            self.write_truth(source, rows)
        self.report.count('events written', n)

    def write_truth(self, source, rows):
        if source in ('tab', 'part'):
            return
        counts = {}
        for row in rows:
            if row[0] is None:
                continue
            at = row[1].replace(minute=row[1].minute // 15 * 15, second=0, microsecond=0)
            key = (source, at, None if source == 'big' else row[2], str(row[0]))
            n, w = counts.get(key, (0, 0))
            counts[key] = (n + 1, w + (1 if source == 'big' else row[3]))
        if not counts:
            return
        with self.connect().cursor() as c:
            values = ', '.join(c.mogrify('(%s, %s, %s, %s, %s, %s)', k + v).decode() for k, v in counts.items())
            c.execute(f'INSERT INTO truth VALUES {values}')

    def write_rejected(self):
        self.query("INSERT INTO ev VALUES ('i0001', NULL, 's0', 1), ('i0001', '1990-01-01', 's0', 1), "
                   "('i0001', now() + interval '3 days', 's1', 1)")
        self.query('INSERT INTO rejected VALUES (3)')


class Resolver(Actor):
    """Ends prepared transactions that writers have left, after some time, perhaps after a crash."""

    def act(self):
        self.pause(0.5, 3)
        resolve(self)


def resolve(actor, everything=False):
    for gid, in actor.query("SELECT gid FROM pg_prepared_xacts ORDER BY prepared"):
        if everything or actor.random.random() < 0.5:
            try:
                actor.query(f"{actor.random.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])} PREPARED '{gid}'")
                actor.report.count('prepared transactions resolved later')
            except (psycopg2.errors.UndefinedObject, psycopg2.errors.ObjectNotInPrerequisiteState):
                pass  # its writer has ended it, or is just ending it


class Folder(Actor):
    def act(self):
        self.pause(0, 0.3)
        if self.random.random() < 0.2:
            self.query('CALL topk.run()')
            self.report.count('rounds of topk.run')
            return
        for rollup, in self.query('SELECT id FROM topk.rollup ORDER BY random()'):
            deltas, = self.query('SELECT deltas FROM topk.fold(%s)', rollup)[0]
            self.report.count('folds')
            self.report.count('deltas folded', deltas)
        self.query('SELECT topk.maintain()')


class Flooder(Actor):
    """Inserts thousands of rows one by one, so that a slot of the log is full."""

    def act(self):
        self.pause(3, 8)
        self.query('CALL flood(15000)')
        self.report.count('events written', 15000)


class RotationWatch(Actor):
    active = None

    def act(self):
        slot, = self.query("SELECT slot FROM topk.log_slot WHERE state = 'active'")[0]
        if self.active is not None and slot != self.active:
            self.report.count('log rotations')
        self.active = slot
        self.pause(0.1, 0.2)


def pick_window(actor, rollup):
    r = actor.random
    level = r.choice(rollup.windows)
    at = r.choice([datetime.datetime.now(UTC), r.choice(actor.world.hot)])
    group = None
    if rollup.grouped and not rollup.overflows and r.random() < 0.5:
        group = r.choice(["'{s1}'", "'{s2}'", "'{s4}'"])
    return world.one_window(rollup, level, f"'{at.isoformat()}'::timestamptz", group), f'{rollup.name} {level} {at} {group}'


def compare(actor, rollup, check):
    sql, what = pick_window(actor, rollup)
    n, w, events, weight = actor.query(sql)[0]
    actor.report.count(f'reads: {check}')
    if (n, w) != (events, weight):
        actor.report.fail(check, f'{what}: truth {n} {w}, answer {events} {weight}')
    return sql, what, (n, w, events, weight)


class Reader(Actor):
    def act(self):
        compare(self, self.random.choice(self.world.readable(self.query)), 'single statements')
        self.pause(0, 0.05)


class SnapshotReader(Actor):
    """Repeats a query in one snapshot, during folds and turns of the log."""

    def act(self):
        check = 'repeated reads of one snapshot'
        self.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
        chosen = [compare(self, r, check) for r in self.random.sample(self.world.readable(self.query, passing=True), 3)]
        until = time.monotonic() + self.random.choice([0.2, 1, 4, 10])
        while time.monotonic() < until and not self.world.stopping.is_set():
            self.pause(0.1, 1)
            for sql, what, first in chosen:
                again = self.query(sql)[0]
                self.report.count(f'reads: {check}')
                if again != first:
                    self.report.fail(check, f'{what}: first {first}, then {again}')
        self.query('COMMIT')

    def recover(self, e):
        if e.pgcode == '40001':
            self.report.fail('no old snapshot is refused on the primary', str(e))
        super().recover(e)


class StandbyReader(Actor):
    def server(self):
        return self.world.standby

    def act(self):
        check = 'reads on the standby'
        if self.random.random() < 0.3:
            self.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
            sql, what, first = compare(self, self.random.choice(self.world.readable(self.query)), check)
            self.pause(0, 2)
            if self.query(sql)[0] != first:
                self.report.fail(check, f'{what}: not the same again')
            self.query('COMMIT')
        else:
            compare(self, self.random.choice(self.world.readable(self.query)), check)
        self.pause(0, 0.1)

    def recover(self, e):
        if e.pgcode in RETRY:
            self.report.count('standby: old snapshots refused' if 'old snapshot' in str(e) else 'standby: recovery conflicts')
        super().recover(e)


class Definer(Actor):
    """Creates and drops a rollup on a busy table repeatedly."""

    def act(self):
        source = self.random.choice(['tab', 'ev', 'part'])
        name = f'passing_{source}'
        try:
            self.query(f"SELECT topk.create_rollup('{name}', '{source}', item => 'item', event_time => 'ts',"
                       f" group_by => '{{source}}', weight => 'w', accept_past => '10 years')")
        except psycopg2.errors.DuplicateObject:
            pass
        self.pause(0.2, 2)
        self.query(f"SELECT topk.drop_rollup('{name}')")
        self.report.count('rollups created and dropped')
        self.pause(0.5, 4)


class Alterer(Actor):
    """Alters rollups while they count: windows of a kind come and go, names change, and a table and a stream take each other's place."""

    turn = 0

    def act(self):
        self.pause(0.5, 3)
        rollup = self.random.choice(self.world.readable(self.query))
        [self.windows, self.rename, self.swap][self.turn % 3](rollup)
        self.turn += 1

    def windows(self, rollup):
        windows = rollup.windows + tuple(self.random.sample(world.PASSING, self.random.randint(0, len(world.PASSING))))
        self.query('SELECT topk.alter_rollup(%s, windows => %s, k => %s)', rollup.name, list(windows), self.random.randint(90, 110))
        compare(self, dataclasses.replace(rollup, windows=windows), 'windows of a new kind')
        self.report.count('windows altered')

    def rename(self, rollup):
        self.begin()
        self.query("SELECT topk.alter_rollup(%s, rename_to => 'passing'), topk.alter_rollup('passing', rename_to => %s)",
                   rollup.name, rollup.name)
        self.end('rollups renamed')

    def swap(self, _):
        self.begin()
        self.query('ALTER TABLE swap RENAME TO swap_away')
        self.query('ALTER TABLE swap_other RENAME TO swap')
        self.query('ALTER TABLE swap_away RENAME TO swap_other')
        self.query("SELECT topk.alter_rollup('swap', source => 'swap')")
        self.end('sources swapped')

    def begin(self):
        self.query('BEGIN')
        self.query("SET LOCAL lock_timeout = '3s'")

    def end(self, what):
        self.query(self.random.choice(['COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK']))
        self.report.count(what)

    def unexpected(self, e):
        if e.pgcode == '55P03':  # a transaction holds the table for long
            self.report.count('alterations given up')
        else:
            super().unexpected(e)


class Recounter(Actor):
    """Counts parts of the tables again while rows are inserted, at once or in steps."""

    def act(self):
        self.pause(1, 4)
        rollup = self.random.choice([r for r in self.world.readable(self.query) if r.source in ('tab', 'part')])
        day = self.random.choice(self.world.hot)
        until = day + datetime.timedelta(hours=self.random.choice([1, 5, 30, 200]))
        call, counted = self.random.choice([('SELECT topk.backfill(%s, %s, %s)', 'backfills'), ('SELECT topk.refresh(%s, %s, %s)', 'refreshes'),
                                            ("CALL topk.backfill_in_steps(%s, %s, %s, '5 hours')", 'backfills in steps')])
        self.query(call, rollup.name, day, until)
        self.report.count(counted)

    def unexpected(self, e):
        if e.pgcode in ('55000', '22023'):  # the span has no rows, or another session has begun a backfill in steps
            self.report.count('recounts refused')
        else:
            super().unexpected(e)


class Discarder(Actor):
    """Deletes the rows of a span and discards their counts in every rollup of the table, in one transaction. A stream has no rows;
    their place takes the truth, which a transaction writes that inserts into the stream."""

    sources = ['tab', 'ev', 'big']

    def act(self):
        self.pause(0.5, 2)
        source = self.sources[0]
        self.sources = self.sources[1:] + [source]
        rows, time = ('tab', 'ts') if source == 'tab' else ('truth', 'bucket')
        since = self.random.choice(self.world.hot)
        if source != 'tab':  # a tile of each of its rollups begins with an hour of UTC
            since = since.replace(minute=0)
        span = (since, since + datetime.timedelta(hours=self.random.choice([1, 1, 3, 30])))
        self.query('BEGIN')
        self.query("SET LOCAL lock_timeout = '4s'")
        self.query(f'LOCK TABLE {rows} IN SHARE MODE')  # what is deleted and what is discarded are the same rows
        self.query(f"DELETE FROM {rows} WHERE {time} >= %s AND {time} < %s" + ('' if source == 'tab' else f" AND src = '{source}'"), *span)
        for name, in self.query(f"SELECT name FROM topk.rollup WHERE source = '{source}'::regclass ORDER BY id"):
            self.query('SELECT topk.discard(%s, %s, %s)', name, *span)
        self.query('COMMIT')
        self.report.count('spans discarded')
        self.report.count(f'spans discarded of {source}')

    def unexpected(self, e):
        if e.pgcode == '55P03':  # a transaction holds the table for long
            self.report.count('discards given up')
        elif e.pgcode == '55000':  # retention has removed the other hours of a day
            self.report.count('discards refused')
        elif e.pgcode == '42704' and 'rollup "passing_' in str(e):  # the Definer has dropped it since the rollups were listed
            self.report.count('discards of a rollup just dropped')
        else:
            super().unexpected(e)


class Chaos(Actor):
    """Ends backends gently and not, and the server with all that it runs."""

    def act(self):
        self.pause(*self.world.chaos_pause)
        if self.world.stopping.is_set():
            return
        kind = self.random.choices(['terminate', 'kill', 'power'], [4, 2, 1])[0]
        self.world.chaos_turn += 1
        if self.world.chaos_turn <= 3:  # each kind occurs at least once
            kind = ['kill', 'power', 'terminate'][self.world.chaos_turn - 1]
        self.strike(kind)

    def strike(self, kind):
        if kind == 'power':
            with self.world.steady:
                try:
                    self.world.primary.kill_everything()
                    self.world.primary.launch()
                except (OSError, RuntimeError):
                    self.world.stopping.set()  # the test cannot go on
                    raise
            self.report.count('kills of the whole server')
            return
        victims = self.query("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres' AND "
                             "(application_name LIKE 'torture %%' OR backend_type LIKE 'pg_topk%%') ORDER BY random() LIMIT 3")
        with self.world.steady:
            if kind == 'terminate':
                for pid, in victims:
                    self.query('SELECT pg_terminate_backend(%s)', pid)
                    self.report.count('backends terminated')
            elif victims:
                kill(victims[0][0], 9)
                self.report.count('backends killed')


class Copier(Actor):
    """Dumps and copies the server while it works, and checks the results. Crashes wait meanwhile."""

    turn = 0

    def act(self):
        self.pause(1, 3)
        if self.world.stopping.is_set():
            return
        with self.world.steady:
            self.server().connect('wait').close()
            self.world.check_dump() if self.turn % 2 == 0 else self.world.check_copy()
        self.turn += 1
        self.pause(10, 40)
