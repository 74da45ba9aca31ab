"""Runs every suite, or those that are named, one more at a time than there are processors, and prints the cost of each.

Each suite has servers, directories and databases of its own. Its last line is "N passed, N failed"; what it says is kept in
build/test/NAME.log. The exit status is 0 if nothing failed."""
import concurrent.futures
import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from server import children_of, kill

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
LOGS = os.path.join(ROOT, 'build/test')
ON_REQUEST = ('docker', 'packages')  # these take long, or change more than a temporary directory
# The longest suites start first, so that short ones fill the end; the others start in alphabetical order.
FIRST = ('boundary', 'torture', 'life', 'unit-asan', 'unit', 'gateway', 'worker', 'fuzz', 'installcheck')
OF_MAKE = ('unit', 'unit-asan', 'fuzz', 'installcheck')
LIMIT = 1800 + int(os.environ.get('TORTURE_SECONDS', '0')) + int(os.environ.get('FUZZ_SECONDS', '0'))
PR_SET_CHILD_SUBREAPER = 36


class Suite:
    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.log = os.path.join(LOGS, f'{name}.log')
        self.passed = self.failed = 0
        self.process = None

    def run(self):
        """Runs in a process of its own, which inherits all processes of the suite, and so knows their cost."""
        begun = time.monotonic()
        self.process = subprocess.Popen([sys.executable, '-B', __file__, '--watch', self.log, *self.command], stdout=subprocess.PIPE,
                                        text=True, start_new_session=True)
        processor, status = self.process.communicate()[0].strip().split(' ', 1)
        self.seconds = time.monotonic() - begun
        self.processor = float(processor)
        self.judge(status)
        return self

    def judge(self, status):
        """A suite without its last line, or with an error although nothing failed, has broken down, and counts as one failure."""
        with open(self.log, errors='replace') as file:
            self.lines = file.read().splitlines()
        results = [line for line in self.lines if re.match(r'\d+ passed, \d+ failed', line)]
        if results:
            self.passed, self.failed = (int(n) for n in re.findall(r'\d+', results[-1])[:2])
        self.note = ''
        if not results or (status != 'status 0' and self.failed == 0):
            self.failed, self.note = 1, f' ({"" if results else "broke down, "}{status})'

    def report(self):
        print(f'\n== {self.name} ({self.seconds:.0f} s)')
        if self.failed:
            for line in [line for line in self.lines if line and not re.search(r'Skipped$|SKIPPED|is not in .*data$', line)][-100:]:
                print(line)
        else:
            for line in self.lines:
                if line.startswith('skipped'):
                    print(line)
        print(f'{self.passed} passed, {self.failed} failed{self.note}', flush=True)

    def row(self):
        return f'{self.name:16} {self.passed:7} {self.failed:7} {self.seconds:5.0f} s {self.processor:5.0f} s{self.note}'

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()


def descendants_of(pid):
    found = children_of(pid)
    for child in found:  # the loop appends to it
        found += children_of(child)
    return found


def watch(log, command):
    """Runs a suite, ends it if it takes too long or if this process is ended, and waits for all its processes, including its servers.
    Prints how it ended, and their processor time."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans of the suite become children of this process
    with open(log, 'wb') as out:
        suite = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)

    def stop(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    status = None
    deadline, patience = time.monotonic() + LIMIT, 30
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # all its processes have ended
            break
        if pid == suite.pid:
            status = f'status {os.waitstatus_to_exitcode(ended)}'
            deadline = min(deadline, time.monotonic() + 10)
        if pid == 0:
            time.sleep(0.05)
        if time.monotonic() > deadline:
            if status is None:
                status = 'out of time'
                stop()
            else:
                status = 'processes left behind'
                for child in descendants_of(os.getpid()):
                    kill(child, signal.SIGKILL)
            deadline = time.monotonic() + patience
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f'{used.ru_utime + used.ru_stime} {status}')


def suites(names):
    """All but those on request, or those of these names."""
    found = [Suite(name, ['tests/suites.sh', name]) for name in OF_MAKE]
    for name in sorted(os.listdir(os.path.join(ROOT, 'tests'))):
        if os.access(os.path.join(ROOT, 'tests', name, 'run'), os.X_OK):
            found.append(Suite(name, [f'tests/{name}/run']))
    unknown = set(names) - {suite.name for suite in found}
    if unknown:
        sys.exit(f'There is no suite {", ".join(sorted(unknown))}: see tests/README.md.')
    found = [suite for suite in found if suite.name in (names or {suite.name} - set(ON_REQUEST))]
    return sorted(found, key=lambda suite: FIRST.index(suite.name) if suite.name in FIRST else len(FIRST))


def main(names):
    begun = time.monotonic()
    todo = suites(names)
    shutil.rmtree(LOGS, ignore_errors=True)
    os.makedirs(LOGS)
    at_a_time = os.cpu_count() + 1  # while one waits for its server or for a time, the processors have work
    print(f'\n{len(todo)} suites, {at_a_time} at a time', flush=True)

    def end(*_):
        pool.shutdown(wait=False, cancel_futures=True)
        for suite in todo:
            suite.stop()
        pool.shutdown()
        os._exit(143)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        for done in concurrent.futures.as_completed([pool.submit(suite.run) for suite in todo]):
            done.result().report()
    passed, failed = sum(s.passed for s in todo), sum(s.failed for s in todo)
    seconds, processor = time.monotonic() - begun, sum(s.processor for s in todo)
    print(f"""
== Results
suite             passed  failed    time processor""")
    for suite in todo:
        print(suite.row())
    print(f"""{'all':16} {passed:7} {failed:7} {seconds:5.0f} s {processor:5.0f} s

== What to try next
  build/test/*.log    what each suite said
  ./run demo          the top 10 of a day, explained in SQL
  make bench          accuracy and speed, measured

{passed} passed, {failed} failed""")
    return 1 if failed else 0


if __name__ == '__main__':
    if sys.argv[1:2] == ['--watch']:
        watch(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(sys.argv[1:]))
