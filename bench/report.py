"""Prints tables of figures, and compares figures with limits."""
import signal
import sys

missed = []


def verdict(name, value, limit, least=False):
    """Returns whether value is at most (or at least) limit."""
    if value >= limit if least else value <= limit:
        return 'ok'
    missed.append(name)
    return '**MISSED**'


def conclude():
    """Prints the limits that were missed, and returns the exit status."""
    print('\nAll limits hold.' if not missed else '\nMissed:\n- ' + '\n- '.join(missed))
    return 1 if missed else 0


def exit_when_terminated():
    """Makes SIGTERM end the program like Ctrl-C, so that the server is stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))


def table(title, *columns):
    print(f'\n{title}\n')
    row(*columns)
    row('---', *['--:' for _ in columns[1:]])


def row(*columns):
    print('| ' + ' | '.join(str(c) for c in columns) + ' |', flush=True)
