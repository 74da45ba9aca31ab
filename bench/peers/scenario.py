"""The events that all peers get, and their exact counts."""
import collections
import os
import subprocess
import time

SOURCES, BATCH = 10, 1000
HOUR, HOURS = 3600, 24


class Scenario:
    """A day of events in order, in batches; the last hour is the present one.

    In each hour, some batches are rolled back; in the hour `crash`, others are in a transaction that a crash ends. They are
    not repeated.
    """

    def __init__(self, directory, stream, scale):
        self.stream = stream
        self.per_hour = max(int(208 * scale), 8)  # batches
        self.batches = self.per_hour * HOURS
        self.rows = self.batches * BATCH
        self.start = int(time.time()) // HOUR * HOUR - (HOURS - 1) * HOUR
        self.rolled_back = (range(self.per_hour // 4, self.per_hour // 4 + 2), range(3 * self.per_hour // 4, 3 * self.per_hour // 4 + 1))
        self.crash = 12
        self.lost = range(self.per_hour // 2, self.per_hour // 2 + 2)
        self.path = os.path.join(directory, 'rows')
        with open(self.path, 'w') as out:
            os.fchmod(out.fileno(), 0o644)
            subprocess.run([os.environ['ROWS'], *self.arguments()], stdout=out, check=True)
        self.offsets = [0]  # of batches in the file
        self.counts = [collections.Counter() for _ in range(HOURS)]
        with open(self.path, 'rb') as rows:
            for batch in range(self.batches):
                lines = [next(rows) for _ in range(BATCH)]
                self.offsets.append(self.offsets[-1] + sum(map(len, lines)))
                hour, position = divmod(batch, self.per_hour)
                if not any(position in part for part in self.left_out(hour)):
                    self.counts[hour].update(line.split(b'\t', 1)[0].decode() for line in lines)
        self.day = sum(self.counts, start=collections.Counter())
        self.committed = self.day.total()

    def add(self, item, count, *hours):
        """Counts events that all peers got in addition."""
        for hour in hours:
            self.counts[hour][item] += count
            self.day[item] += count

    def arguments(self):
        return [self.stream, str(self.rows), str(self.start), str(HOURS * HOUR), str(SOURCES)]

    def items(self, batch):
        with open(self.path, 'rb') as rows:
            rows.seek(self.offsets[batch])
            return [line.split(b'\t', 1)[0] for line in rows.read(self.offsets[batch + 1] - self.offsets[batch]).splitlines()]

    def left_out(self, hour):
        return [*self.rolled_back, *([self.lost] if hour == self.crash else [])]

    def steps(self, hour, part):
        """What is done in the first or second half of an hour: (command, first batch, batch behind the last)."""
        begin, end = ((0, self.lost.start), (self.lost.start, self.per_hour))[part]
        gap = self.rolled_back[part]
        if part == 1 and hour == self.crash:
            begin = self.lost.stop
        base = hour * self.per_hour
        return [(command, base + first, base + last) for command, first, last in
                (('commit', begin, gap.start), ('rollback', gap.start, gap.stop), ('commit', gap.stop, end)) if last > first]

    def hour(self, number):
        """The time as an SQL literal."""
        return f"'{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(self.start + number * HOUR))}+00'::timestamptz"

    def zone(self):
        """A time zone in which the events are those of one calendar day, as IANA names it (signs as in POSIX)."""
        ahead = (-self.start // HOUR) % 24  # of UTC
        return f'Etc/GMT-{ahead}' if ahead <= 14 else f'Etc/GMT+{24 - ahead}'
