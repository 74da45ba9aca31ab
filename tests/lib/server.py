"""Private servers for suites and benchmarks in Python. Each has a socket in a directory of its own, which is removed with it."""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time


def server_user():
    """Arguments of subprocess functions for running as the user of the server, which must not be root."""
    if os.geteuid() != 0:
        return {}
    for name in ('postgres', 'nobody'):
        try:
            user = pwd.getpwnam(name)
            return {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []}
        except KeyError:
            continue
    raise RuntimeError('there is no user to run a server as')


def stat_of(pid):
    """The fields of /proc/PID/stat behind the program's name: state, parent, ..."""
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rsplit(')', 1)[1].split()


def children_of(parent):
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            if int(stat_of(name)[1]) == parent:
                found.append(int(name))
        except (FileNotFoundError, ProcessLookupError):  # the process has ended
            continue
    return found


def is_alive(pid):
    try:
        return stat_of(pid)[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid, signum):
    try:
        os.kill(pid, signum)
        return True
    except ProcessLookupError:
        return False


def processor_seconds(pid):
    """Processor time of a process with all its threads, and of its children, including those that have ended."""
    def own():  # and of children that have ended
        return sum(int(ticks) for ticks in stat_of(pid)[11:15])

    def children():
        found = {}
        for child in children_of(pid):
            try:
                with open(f'/proc/{child}/schedstat') as file:
                    found[child] = int(file.read().split()[0]) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    while True:
        before, used, after = own(), children(), children().keys()
        if before == own() and used.keys() == after:  # no process has ended meanwhile
            return before / os.sysconf('SC_CLK_TCK') + sum(used.values())


class Server:
    """directory: a new one for the server; the default is a temporary one."""

    user = 'postgres'  # the superuser in the database

    def __init__(self, directory=None):
        self.bindir = subprocess.check_output([os.environ.get('PG_CONFIG', 'pg_config'), '--bindir'], text=True).strip()
        if directory is not None:
            os.makedirs(directory)
        self.directory = directory or tempfile.mkdtemp(prefix='pg_topk.')
        self.data = os.path.join(self.directory, 'data')
        self.log = os.path.join(self.directory, 'log')
        os.chmod(self.directory, 0o755)
        if os.geteuid() == 0:
            os.chown(self.directory, server_user()['user'], server_user()['group'])

    def program(self, name):
        return os.path.join(self.bindir, name)

    def call(self, name, *arguments, check=True):
        """Runs a program of the server as its user."""
        # A server that pg_ctl starts must not hold a pipe of this process, so its output goes to a log.
        result = subprocess.run([self.program(name), *arguments], cwd='/', text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **server_user())
        if check and result.returncode != 0:
            raise RuntimeError(f'{name} failed: {result.stdout[-3000:]}{self.log_tail()}')
        return result

    def log_tail(self):
        try:
            with open(self.log, errors='replace') as file:
                return ''.join(file.readlines()[-30:])
        except OSError:
            return ''

    def configure(self, settings):
        with open(os.path.join(self.data, 'postgresql.conf'), 'a') as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def initialize(self, settings):
        """Creates a server with these settings; launch() starts it."""
        self.call('initdb', '-D', self.data, '-U', self.user, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync')
        self.configure({'listen_addresses': '', 'unix_socket_directories': self.directory, **settings})

    def copy_from(self, other, *options):
        """Creates a copy of a running server; launch() starts it."""
        self.call('pg_basebackup', '-h', other.directory, '-U', self.user, '-D', self.data, '--checkpoint=fast', '--no-sync',
                  *options)
        self.configure({'unix_socket_directories': self.directory})

    def launch(self):
        """Starts the server, for the first time or again."""
        self.call('pg_ctl', '-D', self.data, '-l', self.log, '-t', '120', '-w', '-s', 'start')

    def start(self, settings):
        self.initialize(settings)
        self.launch()

    def stop(self, mode='fast'):
        """Stops the server. With mode 'immediate' it writes no checkpoint, so that the next launch() recovers from the WAL, as after a crash."""
        if os.path.exists(os.path.join(self.data, 'postmaster.pid')):
            self.call('pg_ctl', '-D', self.data, '-m', mode, '-t', '120', '-w', '-s', 'stop', check=False)

    def remove(self):
        self.stop('immediate')
        shutil.rmtree(self.directory, ignore_errors=True)

    def postmaster(self):
        with open(os.path.join(self.data, 'postmaster.pid')) as file:
            return int(file.readline())

    def kill_everything(self):
        """Sends SIGKILL to the postmaster and all its children, as if the machine lost power. It can be launched again."""
        parent = self.postmaster()
        kill(parent, signal.SIGSTOP)  # it starts no more children
        children = children_of(parent)
        for pid in [*children, parent]:
            kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(is_alive(pid) for pid in [parent, *children]) and time.monotonic() < deadline:
            time.sleep(0.05)
        # The next postmaster would take a killed process for a running one as long as nobody has waited for it.
        for lock in (os.path.join(self.data, 'postmaster.pid'), os.path.join(self.directory, '.s.PGSQL.5432.lock')):
            os.unlink(lock)

    def processor_seconds(self):
        """Processor time of the server since it was launched: of all its processes, including those that have ended."""
        return processor_seconds(self.postmaster())

    def psql(self):
        return [self.program('psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', self.directory, '-U', self.user, 'postgres']
