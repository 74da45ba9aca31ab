"""A session whose time and memory are measured."""
import re
import subprocess
import threading


class Session:
    """A psql process with its backend."""

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
        """Returns the lines of the result, and sets self.ms to the time."""
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
        """Returns the largest growth of the private memory of the backend during a query, in kB."""
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
