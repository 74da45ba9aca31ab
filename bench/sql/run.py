#!/usr/bin/env python3
"""Measures speed and memory of the aggregates in PostgreSQL, beside count(), exact GROUP BY and other extensions of the server.

It starts a private server in a temporary directory and stops it at the end. Times are medians of interleaved rounds
(A B A B ...), because the speed of a machine drifts; their ratio is the result. It exits with 1 if a limit is missed.

usage: run.py [--rows N] [--rounds N] [--only SECTION[,SECTION...]] [--no-peers]
environment: PG_CONFIG (default pg_config), GENERATE (the binary of generate.cpp)
"""
import argparse
import os
import re
import statistics
import subprocess
import sys

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
sys.path += [os.path.join(root, 'bench'), os.path.join(root, 'tests/lib')]
from report import conclude, exit_when_terminated, row, table, verdict
from server import Server
from session import Session

# Table: stream, title, limit and aim of topk_agg's ratio to count(item).
STREAMS = {'zipf11': ('zipf1.1', 'Zipf 1.1, 1 M', 1.5, 1.3),
           'zipf08': ('zipf0.8', 'Zipf 0.8, 5 M', 1.9, 1.6),
           'uniform': ('uniform', 'uniform, 1 M', 1.9, 1.6)}
SETTINGS = {'shared_buffers': '4GB', 'fsync': 'off', 'full_page_writes': 'off', 'autovacuum': 'off', 'max_wal_size': '8GB',
            'jit': 'off', 'work_mem': '4GB', 'maintenance_work_mem': '1GB', 'synchronize_seqscans': 'off',
            'max_parallel_workers_per_gather': '0', 'bgwriter_lru_maxpages': '0', 'min_parallel_table_scan_size': '0'}
PEERS = ('datasketches', 'topn')
SECTIONS = ('aggregate', 'hour', 'parallel', 'merge', 'groups', 'memory')

def medians(session, queries, rounds):
    """queries: {rows: {name: sql}}. Each round runs every query once, so that disturbances of the machine affect all of them."""
    times = {rows: {name: [] for name in names} for rows, names in queries.items()}
    for done in range(-1, rounds):  # the first round warms up
        for rows, names in queries.items():
            for name, sql in names.items():
                session.query(sql)
                if done >= 0:
                    times[rows][name].append(session.ms)
    return {rows: {name: statistics.median(t) for name, t in names.items()} for rows, names in times.items()}


def ratios(session, title, rounds, base, aggregates, limits, aims):
    """aggregates: function from a table's name to {name: sql}; limits and aims: from a table's name to {name: ratio}."""
    table(title, 'rows', 'query', 'time', 'ratio', 'limit', '')
    for name, times in medians(session, {name: aggregates(name) for name in STREAMS}, rounds).items():
        where = STREAMS[name][1]
        for query, t in times.items():
            limit, aim = limits(name).get(query, ''), aims(name).get(query)
            ratio = t / times[base]
            note = verdict(f'{title}, {where}: {query}', ratio, limit) if limit else ''
            row(where, query, f'{t:.0f} ms', '' if query == base else f'{ratio:.2f}', limit,
                note + (f' (aim {aim})' if aim else ''))


def aggregate_limits(name):
    return {'topk_agg(item, 10)': STREAMS[name][2], 'cms_agg(item)': 2.0}


def aggregate_aims(name):
    return {'topk_agg(item, 10)': STREAMS[name][3]}


def nothing(_):
    return {}


def load(server, session, rows, names):
    generate = os.environ.get('GENERATE')
    if not generate:
        sys.exit('GENERATE: the path of the row generator; run this through make -C bench sql')
    for name in names:
        session.query(f'CREATE UNLOGGED TABLE {name} (item text, ts timestamp, hour smallint);')
        generator = subprocess.Popen([generate, STREAMS[name][0], str(rows)], stdout=subprocess.PIPE)
        subprocess.run(server.psql() + ['-c', f'COPY {name} FROM STDIN'], stdin=generator.stdout, check=True)
        if generator.wait() != 0:
            raise RuntimeError('generator failed')
        session.query(f'VACUUM (FREEZE, ANALYZE) {name};')
        # A sequential scan alone does not load a large table into shared buffers.
        session.query(f"SELECT pg_prewarm('{name}');")


def bench_aggregate(session, rounds, peers):
    def own(name):
        return {'count(item)': f'SELECT count(item) FROM {name};',
                'topk_agg(item, 10)': f'SELECT topk_agg(item, 10) FROM {name};',
                'cms_agg(item)': f'SELECT total(cms_agg(item)) FROM {name};'}

    def others(name):
        queries = own(name)
        del queries['cms_agg(item)']
        queries['exact GROUP BY'] = f'SELECT item, count(*) FROM {name} GROUP BY item ORDER BY 2 DESC LIMIT 10;'
        if 'datasketches' in peers:
            queries['datasketches frequent_strings, 2^11'] = \
                f'SELECT length(frequent_strings_sketch_build(11, item)::text) FROM {name};'
        if 'topn' in peers:
            queries['topn, 1,000 counters'] = f'SELECT topn(topn_add_agg(item), 10) FROM {name};'
        return queries

    ratios(session, 'One group, one process', rounds, 'count(item)', own, aggregate_limits, aggregate_aims)
    ratios(session, 'The same beside others', max(rounds // 2, 1), 'count(item)', others, nothing, nothing)
    for peer in PEERS:
        if peer not in peers:
            print(f'\nskipped: {peer} is not installed in this server')


def bench_hour(session, rounds):
    for key in ("date_trunc('hour', ts)", 'hour'):
        def queries(name):
            return {aggregate: f'SELECT {key}, {aggregate} FROM {name} GROUP BY 1;'
                    for aggregate in ('count(item)', 'topk_agg(item, 10)')}

        ratios(session, f'24 groups: GROUP BY {key}', rounds, 'count(item)', queries,
               lambda _: {'topk_agg(item, 10)': 1.3}, nothing)


def bench_parallel(session, rounds):
    def queries(name):
        return {aggregate: f'SELECT {aggregate} FROM {name};' for aggregate in ('count(item)', 'topk_agg(item, 10)')}

    session.query('SET max_parallel_workers_per_gather = 2;')
    for name in STREAMS:
        for sql in queries(name).values():
            plan = '\n'.join(session.query('EXPLAIN (ANALYZE, TIMING OFF) ' + sql))
            if 'Partial Aggregate' not in plan or 'Workers Launched: 2' not in plan:
                raise RuntimeError('not a parallel plan with two workers:\n' + plan)
    ratios(session, 'Two parallel workers', rounds, 'count(item)', queries, aggregate_limits, nothing)
    session.query('SET max_parallel_workers_per_gather = 0;')


def bench_merge(session, rounds):
    table('Merging stored states of 1,000 counters and reading the top 10',
          'rows', 'states', 'bytes each', 'time', 'on the processor', 'limit', '')
    for name, (_, title, _, _) in STREAMS.items():
        for states, limit in ((24, 2.0), (720, 40.0)):
            seconds = 86400 / states
            session.query(f'''CREATE UNLOGGED TABLE s AS SELECT spacesaving_agg(item, 1000) AS state FROM {name}
                              GROUP BY floor(extract(epoch FROM ts - '2024-01-01'::timestamp) / {seconds});
                              VACUUM (FREEZE, ANALYZE) s;''')
            n, size = session.query('SELECT count(*), round(avg(pg_column_size(state))) FROM s;')[0].split('|')
            if int(n) != states:
                raise RuntimeError(f'{n} states instead of {states}')
            sql = 'SELECT * FROM topk((SELECT spacesaving_merge_agg(state) FROM s), 10);'
            walls, processor = [], []
            for _ in range(3 * rounds + 1):
                before = session.processor_ms()
                session.query(sql)
                processor.append(session.processor_ms() - before)
                walls.append(session.ms)
            t = statistics.median(walls[1:])
            row(title, states, size, f'{t:.2f} ms', f'{statistics.median(processor[1:]):.2f} ms', f'{limit:.0f} ms',
                verdict(f'merging {states} states, {title}', t, limit))
            session.query('DROP TABLE s;')


def bench_groups(server):
    groups = 1000000
    with Session(server) as session:
        session.query(f'''CREATE UNLOGGED TABLE g AS SELECT i AS grp, 'item_' || i * 3 + j AS item
                          FROM generate_series(1, {groups}) i, generate_series(0, (i - 1) % 3) j;
                          VACUUM (FREEZE, ANALYZE) g; SELECT pg_prewarm('g');''')
    memory, private, times = {}, {}, {}
    for aggregate in ('count(item)', 'topk_agg(item, 10)', 'spacesaving_agg(item, 1000)', 'cms_agg(item)'):
        with Session(server) as session:
            session.query("SET enable_sort = off; SET work_mem = '8GB';")
            sql = f'EXPLAIN (ANALYZE, TIMING OFF) SELECT grp, {aggregate} FROM g GROUP BY grp;'
            session.query('SELECT count(item) FROM g;')
            plan = []
            private[aggregate] = session.peak_memory(sql)
            plan = '\n'.join(session.query(sql))
            times[aggregate] = float(re.search(r'Execution Time: ([0-9.]+)', plan).group(1))
            used = re.search(r'HashAggregate.*?Batches: 1 +Memory Usage: (\d+)kB', plan, re.S)
            if not used:
                raise RuntimeError('not one hashed batch:\n' + plan)
            memory[aggregate] = int(used.group(1))
    table('A million groups of one to three items', 'query', 'time', 'memory by EXPLAIN', 'private memory',
          'bytes a group beyond count()', 'limit', '')
    base = 'count(item)'
    for aggregate in memory:
        beyond = max(memory[aggregate] - memory[base], private[aggregate] - private[base]) * 1024 / groups
        limit = 300 if 'cms' not in aggregate and aggregate != base else ''
        row(aggregate, f'{times[aggregate]:.0f} ms', f'{memory[aggregate]} kB', f'{private[aggregate]} kB',
            '' if aggregate == base else f'{beyond:.0f}', limit,
            verdict('memory of ' + aggregate, beyond, limit) if limit else '')


def bench_memory(server, rows):
    table('Memory of one group: growth of the private memory of the process', 'query', f'{rows // 10} rows', f'{rows} rows',
          'difference', 'limit', '')
    for aggregate in ('topk_agg(item, 10)', 'cms_agg(item)'):
        peaks = []
        for n in (rows // 10, rows):
            with Session(server) as session:
                session.query('SELECT count(item) FROM zipf08;')
                peaks.append(session.peak_memory(f'SELECT {aggregate} FROM (SELECT item FROM zipf08 LIMIT {n}) s;'))
        row(aggregate, f'{peaks[0]} kB', f'{peaks[1]} kB', f'{peaks[1] - peaks[0]} kB', '1024 kB',
            verdict('flat memory of ' + aggregate, peaks[1] - peaks[0], 1024))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rows', type=int, default=10000000)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--only', default=','.join(SECTIONS))
    parser.add_argument('--no-peers', action='store_true')
    options = parser.parse_args()
    sections = options.only.split(',')
    if not set(sections) <= set(SECTIONS):
        parser.error('sections are ' + ', '.join(SECTIONS))

    exit_when_terminated()
    server = Server()
    try:
        server.start(SETTINGS)
        with Session(server) as session:
            print(session.query('SELECT version();')[0], f'{os.cpu_count()} cores', f'{options.rows} rows', sep=', ')
            session.query('CREATE EXTENSION pg_topk; CREATE EXTENSION pg_prewarm;')
            peers = set()
            if not options.no_peers:
                peers = set(session.query(f'SELECT name FROM pg_available_extensions WHERE name IN {PEERS};'))
                for peer in sorted(peers):
                    session.query(f'CREATE SCHEMA {peer}; CREATE EXTENSION {peer} SCHEMA {peer};')
                session.query('SET search_path = public, topn, datasketches;')
            load(server, session, options.rows, STREAMS)
            session.query('CHECKPOINT;')
            if 'aggregate' in sections:
                bench_aggregate(session, options.rounds, peers)
            if 'hour' in sections:
                bench_hour(session, options.rounds)
            if 'parallel' in sections:
                bench_parallel(session, options.rounds)
            if 'merge' in sections:
                bench_merge(session, options.rounds)
        if 'groups' in sections:
            bench_groups(server)
        if 'memory' in sections:
            bench_memory(server, options.rows)
    finally:
        server.remove()
    return conclude()


if __name__ == '__main__':
    sys.exit(main())
