#!/usr/bin/env python3
"""Compares rollups with other ways to get the top 10 of an hour and of a day: cost of counting, answers, freshness, disk, exactness.

All peers get the same events (scenario.py), hour by hour in turn, each in a server of its own; then all answer, in turn.
It prints medians over the hours or rounds. A peer that is not installed is left out, and a line says so; nothing is built here.

usage: run.py [--scale X] [--rounds N] [--stream NAME] [--only PEER[,PEER...]]
environment: PG_CONFIG (default pg_config); ROWS, CLIENT, REPLAY (the binaries of ../stream/rows.cpp, ../stream/client.cpp and
replay.cpp); REDISBLOOM (the module redisbloom.so, if it is to take part)
"""
import argparse
import os
import random
import statistics
import sys
import tempfile
import time

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
sys.path += [os.path.join(root, 'bench'), os.path.join(root, 'tests/lib')]
from redis_peers import DurableSortedSets, SortedSets, TopK
from report import conclude, exit_when_terminated, missed, row, table
from scenario import BATCH, HOURS, Scenario
from sql_peers import Counters, Incremental, Stream, Table, Timescale, WatchedTable

PEERS = (Stream, WatchedTable, Table, Counters, Timescale, Incremental, SortedSets, DurableSortedSets, TopK)
CLIENTS, SINGLE_SECONDS = 4, 5
PATIENCE = 70  # seconds to wait for an answer, more than a minute, as pg_cron runs once a minute
NOW = HOURS - 1
LATE = NOW - 3  # an hour that ended long ago


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--scale', type=float, default=1.0, help='of the 4,992,000 events')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--stream', default='zipf1.1', help='of those that bench_events.h knows')
    parser.add_argument('--only', default=','.join(peer.name for peer in PEERS))
    options = parser.parse_args()
    names = options.only.split(',')
    if not set(names) <= {peer.name for peer in PEERS}:
        parser.error('peers are ' + ', '.join(peer.name for peer in PEERS))
    if not {'ROWS', 'CLIENT', 'REPLAY'} <= set(os.environ):
        sys.exit('ROWS, CLIENT, REPLAY: paths of the programs; run this through make -C bench peers')

    exit_when_terminated()
    with tempfile.TemporaryDirectory(prefix='topk-bench-') as directory:
        scenario = Scenario(directory, options.stream, options.scale)
        print(f'{scenario.rows} events, {scenario.committed} of them committed, {len(scenario.day)} distinct items')
        peers, started = [], []
        try:
            for peer in (p(scenario) for p in PEERS if p.name in names):
                started.append(peer)
                missing = peer.missing()
                if missing:
                    print(f'skipped: {peer.title}: {missing} is not there', flush=True)
                    continue
                peer.start()
                print(f'{peer.title} {peer.version()}', flush=True)
                peers.append(peer)
            recoveries = load(scenario, peers)
            check(scenario, peers, recoveries)
            answers(peers, options.rounds)
            freshness(scenario, peers, options.rounds)
            sizes(scenario, peers)
            singles(scenario, peers, options.rounds)
        finally:
            for peer in started:
                peer.stop()
    return conclude()


def turns(peers, number):
    """Returns the peers, beginning with another one for each number."""
    return peers[number % len(peers):] + peers[:number % len(peers)]


def load(scenario, peers):
    seconds = {peer: [] for peer in peers}
    over = {peer: 0.0 for peer in peers}
    recoveries = {}
    for hour in range(HOURS):
        for peer in turns(peers, hour):
            for part in (0, 1):
                if part == 1 and hour == scenario.crash:
                    base = hour * scenario.per_hour
                    recoveries[peer] = peer.crash(base + scenario.lost.start, base + scenario.lost.stop)
                seconds[peer].append(peer.load(scenario.steps(hour, part)))
            over[peer] += peer.hour_over(hour)
    table(f'One client, batches of {BATCH}', 'into', 'events a second', 'by that of the table', 'processor time of the server, an event',
          'by that of the table', 'WAL or AOF, an event', 'at the ends of hours')
    rates, costs = {}, {}
    for peer in peers:
        peer.settle()
        rates[peer.name] = BATCH / statistics.median(seconds[peer])
        costs[peer.name] = peer.processor() / scenario.committed
    for peer in peers:
        row(peer.title, f'{rates[peer.name]:,.0f}', ratio(rates, peer), f'{costs[peer.name] * 1e6:.2f} µs', ratio(costs, peer),
            f'{peer.log_bytes() / scenario.committed:.1f} B', f'{over[peer]:.1f} s')
    return recoveries


def ratio(figures, peer):
    return f"{figures[peer.name] / figures['table']:.2f}" if 'table' in figures else ''


def top_is_exact(scenario, found, hour):
    """Returns whether these are ten items with the largest counts of the hour or day, with exact counts."""
    counts = scenario.counts[hour] if hour is not None else scenario.day
    wanted = [count for _, count in counts.most_common(10)]
    return [count for _, count in found] == wanted and all(counts[item] == count for item, count in found)


def check(scenario, peers, recoveries):
    day = scenario.day
    table('After rollbacks and a crash, against exact counts', 'peer', 'events of each hour', 'hours with an exact top 10',
          'top 10 of the day', 'the crash', 'ready again after')
    for peer in peers:
        totals = peer.totals()
        wrong = None if totals is None else sum(abs(found - c.total()) for found, c in zip(totals, scenario.counts))
        right = sum(top_is_exact(scenario, peer.top(hour), hour) for hour in range(HOURS))
        top = peer.top()
        off = max(abs(count - day[item]) / max(day[item], 1) for item, count in top)
        same = len({item for item, _ in top} & {item for item, _ in day.most_common(10)})
        row(peer.title, 'not known' if wrong is None else 'exact' if wrong == 0 else f'{wrong} off', f'{right} of {HOURS}',
            'exact' if top_is_exact(scenario, top, None) else f'{same} of 10 items, counts up to {off:.2%} off',
            'within background work' if recoveries[peer][0] else '', f'{recoveries[peer][1]:.1f} s')
        if isinstance(peer, Stream):
            bad = [hour for hour in (*range(HOURS), None) if not within_bounds(scenario, peer, hour)]
            if wrong != 0 or bad:
                missed.append(f'{peer.title}: {wrong} events off, bounds do not hold in {bad}')


def within_bounds(scenario, peer, hour):
    counts = scenario.counts[hour] if hour is not None else scenario.day
    return all(least <= counts[item] <= most for item, (least, most) in peer.bounds(hour).items())


def answers(peers, rounds):
    times, processor = ({(peer, kind): [] for peer in peers for kind in (NOW, None)} for _ in range(2))
    for number in range(-1, rounds):
        for peer in turns(peers, number):
            for kind in (NOW, None):
                before, begin, took = peer.processor(), time.time(), []
                while time.time() < begin + 1 and len(took) < 500:
                    took.append(peer.timed_top(kind))
                if number >= 0:
                    times[peer, kind].append(statistics.median(took))
                    processor[peer, kind].append((peer.processor() - before) / len(took) * 1000)
    table('Top 10', 'peer', 'of the present hour', 'processor time of the server', 'of the day', 'processor time of the server')
    for peer in peers:
        row(peer.title, *(f'{statistics.median(figures[peer, kind]):.2f} ms' for kind in (NOW, None) for figures in (times, processor)))


def sizes(scenario, peers):
    table('Disk', 'peer', 'all', 'compressed', 'without the rows that have been counted', 'memory besides')
    for peer in peers:
        line = [size(peer.disk())]
        for sql in (peer.pack, peer.drop_raw):
            if sql:
                peer.query(sql)
            line.append(size(peer.disk()) if sql else '')
        if not top_is_exact(scenario, peer.top(), None):
            line[-1] += ' (top 10 of the day not exact)'
        row(peer.title, *line, size(peer.memory()) if hasattr(peer, 'memory') else '')


def size(count):
    return f'{count / 1e6:.1f} MB'


def freshness(scenario, peers, rounds):
    waits = {(peer, hour): [] for peer in peers for hour in (NOW, LATE)}
    for number in range(rounds):
        time.sleep(random.uniform(0, 60))  # to begin in another part of the minute
        for peer in peers:
            wait(peer, f'new_{number}', {hour: waits[peer, hour] for hour in (NOW, LATE)})
        scenario.add(f'new_{number}', 5000, NOW, LATE)
    table('From the commit of an event until an answer has it: median and longest', 'peer', 'of the present hour',
          'of an hour that is over')
    for peer in peers:
        line = [said(waits[peer, hour]) for hour in (NOW, LATE)]
        if hasattr(peer, 'late'):
            begin = time.time()
            peer.query(peer.late(LATE))
            line[1] += f', {time.time() - begin:.1f} s to refresh that hour'
        row(peer.title, *line)


def wait(peer, item, waits):
    """Appends to the waits of each hour. After a wait in vain it appends None, and leaves out the hour the next time."""
    begin = {}

    def ask(hour):
        seen = item in dict(peer.top(hour))
        took = time.time() - begin[hour]
        if seen or took > PATIENCE:
            waits[hour].append(took if seen else None)
            del begin[hour]

    for hour, before in waits.items():
        peer.add(item, 5000, hour)
        if None not in before:
            begin[hour] = time.time()
            ask(hour)
    while begin:
        for hour in list(begin):
            ask(hour)


def said(waits):
    if None in waits:
        return f'not within {PATIENCE} s'
    return ', '.join(f'{w:.1f} s' if w >= 1 else f'{w * 1000:.1f} ms' for w in (statistics.median(waits), max(waits)))


def singles(scenario, peers, rounds):
    rates, costs = {peer.name: [] for peer in peers}, {peer.name: [] for peer in peers}
    before = {peer: peer.all_events() for peer in peers}
    inserted = {peer: 0 for peer in peers}
    for number in range(-1, rounds):
        for peer in turns(peers, number):
            used = peer.processor()
            events, seconds = peer.singles(SINGLE_SECONDS if number >= 0 else 1, CLIENTS)
            inserted[peer] += events
            if number >= 0:
                rates[peer.name].append(events / seconds)
                costs[peer.name].append((peer.processor() - used) / events)
    rates, costs = ({name: statistics.median(f) for name, f in figures.items()} for figures in (rates, costs))
    table(f'Single rows, {CLIENTS} clients', 'into', 'events a second', 'by that of the table', 'processor time of the server, an event',
          'by that of the table', 'all counted')
    for peer in peers:
        peer.settle()
        found = peer.all_events()
        right = '' if found is None else 'yes' if found - before[peer] == inserted[peer] else f'{found - before[peer]} of {inserted[peer]}'
        row(peer.title, f'{rates[peer.name]:,.0f}', ratio(rates, peer), f'{costs[peer.name] * 1e6:.0f} µs', ratio(costs, peer), right)


if __name__ == '__main__':
    sys.exit(main())
