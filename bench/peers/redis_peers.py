"""Redis: a sorted set for each hour, and the type TOPK of the module RedisBloom, with a sketch for each hour and one for the day."""
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor

from scenario import HOUR, HOURS
from server import processor_seconds


def encode(*words):
    """A command, encoded for sending."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in words)


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.file = self.socket.makefile('rb')

    def __call__(self, *words):
        self.socket.sendall(encode(*words))
        return self.answer()

    def answer(self):
        line = self.file.readline().rstrip(b'\r\n')
        kind, value = line[:1], line[1:]
        if kind == b'-':
            raise RuntimeError(value.decode())
        if kind == b'$':
            return None if value == b'-1' else self.file.read(int(value) + 2)[:-2]
        if kind == b'*':
            return [self.answer() for _ in range(int(value))]
        return value

    def pipeline(self, commands):
        """Sends encoded commands in MULTI and EXEC, and waits until all have been answered."""
        self.socket.sendall(b''.join((encode('MULTI'), *commands, encode('EXEC'), encode('PING'))))
        answers = b'\n'
        while not answers.endswith(b'+PONG\r\n'):
            answers += self.socket.recv(1 << 20)
        if b'\n-' in answers:
            raise RuntimeError('a command was refused')


def single_rows(path, requests, seconds):
    """A client, which sends the commands of one event after the other."""
    connection = Connection(path)
    events, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        commands = requests[events % len(requests)]
        connection.socket.sendall(b''.join(commands))
        for _ in commands:
            connection.answer()
        events += 1
    return events


class SortedSets:
    name, title, fsync = 'redis', 'Redis, sorted sets, fsync each second', 'everysec'
    drop_raw = pack = None

    def __init__(self, scenario):
        self.scenario = scenario
        self.directory = tempfile.mkdtemp(prefix='topk-bench-')
        self.path = os.path.join(self.directory, 'socket')
        self.process = None
        self.options = []

    def missing(self):
        return None if shutil.which('redis-server') else 'redis-server'

    def version(self):
        return 'Redis ' + dict(line.split(b':', 1) for line in self.connection('INFO', 'server').split(b'\r\n')
                               if b':' in line)[b'redis_version'].decode()

    def launch(self):
        self.process = subprocess.Popen(['redis-server', '--port', '0', '--unixsocket', self.path, '--dir', self.directory, '--save', '',
                                         '--appendonly', 'yes', '--appendfsync', self.fsync, '--auto-aof-rewrite-percentage', '0',
                                         *self.options], stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                self.connection = Connection(self.path)
                self.connection('PING')
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    break
            except RuntimeError:  # the server is still loading
                pass
            time.sleep(0.05)
        raise RuntimeError('redis-server did not start')

    def start(self):
        self.launch()
        self.begin()

    def begin(self):
        self.used = -processor_seconds(self.process.pid)
        self.log_start = self.log_position()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    # Inserting

    def commands(self, hour, items):
        """The encoded commands for items of an hour."""
        key = f'hour:{hour}'
        return [encode('ZINCRBY', key, 1, item) for item in items]

    def load(self, steps):
        took, batches = 0.0, 0
        for command, first, last in steps:
            if command != 'commit':  # commands that are discarded or not sent leave nothing
                continue
            pipelines = [self.commands(i // self.scenario.per_hour, self.scenario.items(i)) for i in range(first, last)]
            begin = time.perf_counter()
            for commands in pipelines:
                self.connection.pipeline(commands)
            took += time.perf_counter() - begin
            batches += last - first
        return took / batches

    def hour_over(self, _):
        return 0.0

    def add(self, item, count, hour):
        self.connection.pipeline(self.commands(hour, [item] * count))

    def singles(self, seconds, clients):
        hour = (int(time.time()) - self.scenario.start) // HOUR
        items = [item for batch in random.sample(range(self.scenario.batches), 4) for item in self.scenario.items(batch)]
        requests = [self.commands(hour, [item]) for item in items]
        with ProcessPoolExecutor(clients) as pool:
            begin = time.perf_counter()
            done = [pool.submit(single_rows, self.path, requests[i * 1000:] + requests[:i * 1000], seconds) for i in range(clients)]
            return sum(d.result() for d in done), time.perf_counter() - begin

    def crash(self, first, _):
        """Kills the process by SIGKILL within MULTI."""
        self.connection('MULTI')
        for command in self.commands(self.scenario.crash, self.scenario.items(first)):
            self.connection.socket.sendall(command)
            self.connection.answer()
        self.used += processor_seconds(self.process.pid)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        begin = time.time()
        self.launch()
        took = time.time() - begin
        self.used -= processor_seconds(self.process.pid)
        return False, took

    def settle(self):
        pass

    # Asking

    def pairs(self, answer):
        return [(answer[i].decode(), int(answer[i + 1])) for i in range(0, len(answer), 2)]

    def top(self, hour=None):
        if hour is not None:
            return self.pairs(self.connection('ZREVRANGE', f'hour:{hour}', 0, 9, 'WITHSCORES'))
        self.connection('ZUNIONSTORE', 'day', HOURS, *(f'hour:{h}' for h in range(HOURS)))
        top = self.pairs(self.connection('ZREVRANGE', 'day', 0, 9, 'WITHSCORES'))
        self.connection('UNLINK', 'day')
        return top

    def timed_top(self, hour):
        begin = time.perf_counter()
        self.top(hour)
        return (time.perf_counter() - begin) * 1000

    def sum_of(self, hour):
        return sum(count for _, count in self.pairs(self.connection('ZRANGE', f'hour:{hour}', 0, -1, 'WITHSCORES')))

    def totals(self):
        return [self.sum_of(hour) for hour in range(HOURS)]

    def all_events(self):
        return sum(self.sum_of(hour) for hour in range(-1, HOURS + 24))

    # Cost

    def processor(self):
        return self.used + processor_seconds(self.process.pid)

    def info(self, section):
        return dict(line.split(':', 1) for line in self.connection('INFO', section).decode().split('\r\n') if ':' in line)

    def log_position(self):
        return int(self.info('persistence')['aof_current_size'])

    def log_bytes(self):
        return self.log_position() - self.log_start

    def disk(self):
        """The size on disk after the log was rewritten; Redis keeps all data in memory too."""
        self.connection('BGREWRITEAOF')
        while self.info('persistence')['aof_rewrite_in_progress'] != '0':
            time.sleep(0.1)
        return self.log_position()

    def memory(self):
        return int(self.info('memory')['used_memory'])


class DurableSortedSets(SortedSets):
    name, title, fsync = 'redis-always', 'Redis, sorted sets, fsync each time', 'always'


class TopK(SortedSets):
    name, title = 'redis-topk', 'Redis, TOPK, fsync each second'

    def __init__(self, scenario):
        super().__init__(scenario)
        self.module = os.environ.get('REDISBLOOM', '')
        self.options = ['--loadmodule', self.module]

    def missing(self):
        return super().missing() or (None if os.path.exists(self.module) else 'REDISBLOOM, the path of redisbloom.so')

    def start(self):
        self.launch()
        # 100 items, like a rollup, and wide enough for the long tail.
        for key in ['day', *(f'hour:{hour}' for hour in range(-1, HOURS + 24))]:
            self.connection('TOPK.RESERVE', key, 100, 2000, 7, 0.9)
        self.begin()

    def commands(self, hour, items):
        return [encode('TOPK.ADD', key, *items) for key in (f'hour:{hour}', 'day')]

    def top(self, hour=None):
        key = f'hour:{hour}' if hour is not None else 'day'
        return self.pairs(self.connection('TOPK.LIST', key, 'WITHCOUNT'))[:10]

    def totals(self):
        return None

    def all_events(self):
        return None
