"""A private server that may be killed at any time, its standby and its copies."""
import os
import pwd
import shutil
import signal
import subprocess
import time

import psycopg2

BINDIR = subprocess.run([os.environ.get('PG_CONFIG', 'pg_config'), '--bindir'], check=True, capture_output=True,
                        text=True).stdout.strip()

# Crashes here are those of processes, not of the machine: without fsync a killed server recovers just as well.
CONFIG = """
listen_addresses = ''
unix_socket_directories = '{directory}'
fsync = off
timezone = 'UTC'
shared_buffers = 128MB
max_wal_size = 256MB
checkpoint_timeout = 30s
wal_level = replica
wal_keep_size = 1GB
max_connections = 60
max_prepared_transactions = 30
max_wal_senders = 6
autovacuum_naptime = 5s
deadlock_timeout = 200ms
restart_after_crash = on
shared_preload_libraries = 'pg_topk'
hot_standby = on
max_standby_streaming_delay = 5s
log_line_prefix = '%m [%p] %q%a '
jit = off
"""


def server_user():
    """What subprocess needs to run as the user of the server, which must not be root."""
    if os.geteuid() != 0:
        return {}
    for name in ('postgres', 'nobody'):
        try:
            user = pwd.getpwnam(name)
            return {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []}
        except KeyError:
            continue
    raise RuntimeError('there is no user to run a server as')


def children_of(parent):
    pids = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat') as f:
                if int(f.read().rsplit(')', 1)[1].split()[1]) == parent:
                    pids.append(int(name))
        except (OSError, IndexError):
            pass
    return pids


def kill(pid, signum):
    try:
        os.kill(pid, signum)
        return True
    except ProcessLookupError:
        return False


class Server:
    def __init__(self, directory):
        self.directory = directory
        self.data = os.path.join(directory, 'data')
        self.log = os.path.join(directory, 'server.log')
        os.makedirs(directory)
        user = server_user()
        if user:
            os.chown(directory, user['user'], user['group'])

    def program(self, name, *args, check=True):
        result = subprocess.run([os.path.join(BINDIR, name), *args], cwd='/', text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **server_user())
        if check and result.returncode != 0:
            raise RuntimeError(f'{name} failed: {result.stdout[-3000:]}{self.log_tail()}')
        return result

    def log_tail(self):
        try:
            with open(self.log, errors='replace') as f:
                return ''.join(f.readlines()[-30:])
        except OSError:
            return ''

    def configure(self, text):
        with open(os.path.join(self.data, 'postgresql.conf'), 'a') as f:
            f.write(text)

    def initialize(self):
        self.program('initdb', '-D', self.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync')
        self.configure(CONFIG.format(directory=self.directory))

    def copy_from(self, other, *options):
        self.program('pg_basebackup', '-h', other.directory, '-U', 'postgres', '-D', self.data, '--checkpoint=fast',
                     '--no-sync', *options)
        self.configure(f"unix_socket_directories = '{self.directory}'\n")

    def start(self):
        # pg_ctl's child must not hold our pipe, so the output goes to a file.
        self.program('pg_ctl', '-D', self.data, '-l', self.log, '-t', '120', '-w', '-s', 'start')

    def stop(self, mode='fast'):
        if os.path.exists(os.path.join(self.data, 'postmaster.pid')):
            self.program('pg_ctl', '-D', self.data, '-m', mode, '-t', '120', '-w', '-s', 'stop', check=False)

    def remove(self):
        self.stop('immediate')
        shutil.rmtree(self.directory, ignore_errors=True)

    def postmaster(self):
        with open(os.path.join(self.data, 'postmaster.pid')) as f:
            return int(f.readline())

    def kill_everything(self):
        """SIGKILL to the postmaster and all its children, as when the machine loses power; then starts again."""
        parent = self.postmaster()
        kill(parent, signal.SIGSTOP)  # it makes no more children
        children = children_of(parent)
        for pid in [*children, parent]:
            kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(is_alive(pid) for pid in [parent, *children]) and time.monotonic() < deadline:
            time.sleep(0.05)
        # A killed process that nobody has waited for yet still looks like a postmaster to the next one.
        for lock in (os.path.join(self.data, 'postmaster.pid'), os.path.join(self.directory, '.s.PGSQL.5432.lock')):
            os.unlink(lock)
        self.start()

    def connect(self, name='torture', database='postgres', patience=60):
        """A connection in autocommit mode; waits while the server recovers."""
        deadline = time.monotonic() + patience
        while True:
            try:
                c = psycopg2.connect(host=self.directory, user='postgres', dbname=database, application_name=name,
                                     connect_timeout=10)
                c.autocommit = True
                return c
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False

