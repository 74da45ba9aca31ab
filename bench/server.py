"""What the benchmarks in PostgreSQL share: a private server, sessions in it, tables of figures and their limits."""
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

missed = []


def verdict(name, value, limit, least=False):
    """Whether value is at most limit, or at least."""
    if value >= limit if least else value <= limit:
        return 'ok'
    missed.append(name)
    return '**MISSED**'


def conclude():
    """Prints what was missed; the status to exit with."""
    print('\nAll limits hold.' if not missed else '\nMissed:\n- ' + '\n- '.join(missed))
    return 1 if missed else 0


def exit_when_terminated():
    """End like Ctrl-C, so that the server is stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))


def table(title, *columns):
    print(f'\n{title}\n')
    row(*columns)
    row('---', *['--:' for _ in columns[1:]])


def row(*columns):
    print('| ' + ' | '.join(str(c) for c in columns) + ' |', flush=True)


def processor_seconds(pid):
    """Of a process with all of its threads, and of its children, those that have ended included."""
    def read(path):
        with open(path) as file:
            return file.read()

    def stat(process):
        return read(f'/proc/{process}/stat').rsplit(')', 1)[1].split()  # state, parent, ...: what follows the program's name

    def own():  # and of children that have ended
        return sum(int(ticks) for ticks in stat(pid)[11:15])

    def children():
        found = {}
        for name in os.listdir('/proc'):
            try:
                if name.isdigit() and int(stat(name)[1]) == pid:
                    found[name] = int(read(f'/proc/{name}/schedstat').split()[0]) / 1e9
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                continue
        return found

    while True:
        before, used, after = own(), children(), children().keys()
        if before == own() and used.keys() == after:  # nothing went from one to the other meanwhile
            return before / os.sysconf('SC_CLK_TCK') + sum(used.values())


class Server:
    """A throw-away server; never runs as root, which PostgreSQL refuses."""

    def __init__(self):
        self.bindir = subprocess.check_output([os.environ.get('PG_CONFIG', 'pg_config'), '--bindir'], text=True).strip()
        self.as_user = {}
        self.user = pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:
            entry = pwd.getpwnam('postgres')
            self.user = entry.pw_name
            self.as_user = {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}
        self.directory = tempfile.mkdtemp(prefix='topk-bench-')
        if self.as_user:
            os.chown(self.directory, self.as_user['user'], self.as_user['group'])
        self.process = None

    def program(self, name):
        return os.path.join(self.bindir, name)

    def start(self, settings):
        data = os.path.join(self.directory, 'data')
        subprocess.run([self.program('initdb'), '-D', data, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.directory, **self.as_user)
        settings = {'listen_addresses': '', 'unix_socket_directories': self.directory, 'log_min_messages': 'warning', **settings}
        self.command = [self.program('postgres'), '-D', data]
        for name, value in settings.items():
            self.command += ['-c', f'{name}={value}']
        self.launch()

    def launch(self):
        """Starts what start() has made, also after a crash()."""
        with open(os.path.join(self.directory, 'log'), 'a') as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.directory, **self.as_user)
        for _ in range(300):
            ready = subprocess.run([self.program('pg_isready'), '-q', '-h', self.directory], check=False)
            if ready.returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        with open(os.path.join(self.directory, 'log')) as log:
            raise RuntimeError('the server did not start:\n' + log.read())

    def crash(self):
        """Without a checkpoint: the next launch() recovers from the log."""
        subprocess.run([self.program('pg_ctl'), 'stop', '-s', '-m', 'immediate', '-D', os.path.join(self.directory, 'data')],
                       check=True, cwd=self.directory, **self.as_user)
        self.process.wait(60)

    def processor_seconds(self):
        """What the server has used since launch(): all of its processes, those that have ended included."""
        return processor_seconds(self.process.pid)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # fast shutdown
            self.process.wait(60)
        shutil.rmtree(self.directory, ignore_errors=True)

    def psql(self):
        return [self.program('psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', self.directory, '-U', self.user, 'postgres']


class Session:
    """One psql, one backend."""

    def __init__(self, server):
        self.process = subprocess.Popen(server.psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.query('\\timing on')
        self.pid = int(self.query('SELECT pg_backend_pid();')[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def query(self, sql):
        """The lines of the result; the time goes to self.ms."""
        self.process.stdin.write(sql + '\n\\echo .end.\n')
        self.process.stdin.flush()
        lines = []
        self.ms = 0.0
        for line in self.process.stdout:
            line = line.rstrip('\n')
            if line == '.end.':
                return lines
            time_of = re.match(r'Time: ([0-9.]+) ms', line)
            if time_of:
                self.ms += float(time_of.group(1))
            else:
                lines.append(line)
        raise RuntimeError('query failed: ' + sql)

    def private_memory(self):
        with open(f'/proc/{self.pid}/status') as status:
            return int(re.search(r'RssAnon:\s+(\d+) kB', status.read()).group(1))

    def processor_ms(self):
        with open(f'/proc/{self.pid}/schedstat') as status:
            return int(status.read().split()[0]) / 1e6

    def peak_memory(self, sql):
        """Highest growth of the backend's private memory during a query, in kB."""
        before = peak = self.private_memory()
        done = threading.Event()

        def watch():
            nonlocal peak
            while not done.wait(0.002):
                peak = max(peak, self.private_memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        self.query(sql)
        done.set()
        watcher.join()
        return max(peak, self.private_memory()) - before
