#!/usr/bin/env python3
"""What one server takes of the load of docs/scale.md: one COPY of 100 million events over 100 million possible items into a stream, whose top
100 is compared with exact counts; and batches of 1,000 rows of 1,000 groups, folded meanwhile.

It starts private servers in a temporary directory and stops them at the end. It exits with 1 if a bound does not hold.

usage: scale.py [--rows N] [--seconds N] [--groups N] [--only copy|groups]
environment: PG_CONFIG (default pg_config), ROWS and CLIENT (the binaries of rows.cpp and client.cpp)
"""
import argparse
import os
import subprocess
import sys
import time

from run import BATCH, BATCHED, CLIENTS, DAY, SETTINGS, SOURCES, Bench, Folder, fold, log_size, rate
from report import conclude, exit_when_terminated, row, table, verdict

STREAM = 'zipf1.1-100M'
TOP = "FROM topk.range('views', now() - interval '2 days', now(), 100)"


def tiles(bench):
    return bench.query("SELECT count(*) || ' rows, ' || pg_size_pretty(pg_total_relation_size('topk.tile')) FROM topk.tile;")[0]


def bench_copy(options):
    generator = os.environ['ROWS']
    different, *lines = subprocess.check_output([generator, STREAM, str(options.rows), 'top'], text=True).splitlines()
    exact = {item: int(count) for item, count in (line.split('\t') for line in lines)}
    with Bench(options, SETTINGS) as bench:
        bench.stream('views', {'views': '{}'})
        before, processor = bench.wal(), bench.session.processor_ms()
        memory = bench.session.peak_memory(f"\\copy views FROM PROGRAM '{generator} {STREAM} {options.rows} "
                                           f"{int(time.time()) - DAY} {DAY} {SOURCES}'")
        took, processor = bench.session.ms / 1000, (bench.session.processor_ms() - processor) / 1000
        bench.counted('views', options.rows)
        written, log = bench.wal() - before, log_size(bench.session)
        begin = time.time()
        fold(bench.session)
        folded = time.time() - begin
        bench.check_counts()
        found = {}
        for line in bench.query(f'SELECT item, count, error {TOP};'):
            item, count, error = line.split('|')
            found[item] = int(count), int(error)
        answer = min(one_answer(bench) for _ in range(5))
        right = [item for item in found if item in exact]
        outside = [item for item in right if not found[item][0] - found[item][1] <= exact[item] <= found[item][0]]
        off = sum(abs(found[item][0] - exact[item]) / exact[item] for item in right) / max(len(right), 1)
        table(f'{options.rows:,} events of {int(different):,} different items ({STREAM}) in 24 hours, by one COPY', 'what', 'figure')
        row('time, with the generator on the same machine', f'{took:.0f} s, {rate(options.rows / took)}')
        row('processor time of the backend', f'{processor:.0f} s, {rate(options.rows / processor)}')
        row('growth of its private memory', f'{memory / 1024:.1f} MB')
        row('WAL per event', f'{written / options.rows:.3f} B')
        row('delta log, and the time of folding it', f'{log / 1e6:.1f} MB, {folded:.1f} s')
        row('`topk.tile` with its index', tiles(bench))
        row('top 100 of the day, from 24 hours', f'{answer:.1f} ms')
        row('... items that are right', f'{len(right)} of 100')
        row('... mean relative error', f'{off:.5f}')
        row('... counts outside of their bounds', f'{len(outside)} {verdict("bounds", len(outside), 0)}')


def one_answer(bench):
    bench.query(f'SELECT count(*) {TOP};')
    return bench.session.ms


def bench_groups(options):
    table(f'Batches of {BATCH} rows from {CLIENTS} clients for {options.seconds:.0f} s, folded every second', 'groups', 'rate',
          'processor time of the server per event', 'WAL per event', 'delta log', '`topk.tile`')
    for groups in (1, options.groups):
        with Bench(options, SETTINGS) as bench:
            bench.stream('views', {'views': '{source}' if groups > 1 else '{}'}, f', max_groups => {groups}')
            before, processor = bench.wal(), bench.server.processor_seconds()
            with Folder(bench):
                events, took, _ = bench.client('insert', BATCHED.format('views'), STREAM, groups, CLIENTS, BATCH, options.seconds, 0)
            processor, events = bench.server.processor_seconds() - processor, int(events)
            bench.counted('views', events)
            row(f'{groups:,}' if groups > 1 else 'none', rate(events / float(took)), f'{processor / events * 1e6:.2f} µs',
                f'{(bench.wal() - before) / events:.2f} B', f'{log_size(bench.session) / 1e6:.1f} MB', tiles(bench))
            bench.check_counts()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rows', type=int, default=100000000)
    parser.add_argument('--seconds', type=float, default=30)
    parser.add_argument('--groups', type=int, default=1000)
    parser.add_argument('--only', choices=('copy', 'groups'))
    options = parser.parse_args()
    exit_when_terminated()
    if options.only != 'groups':
        bench_copy(options)
    if options.only != 'copy':
        bench_groups(options)
    return conclude()


if __name__ == '__main__':
    sys.exit(main())
