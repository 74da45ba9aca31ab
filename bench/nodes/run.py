#!/usr/bin/python3
"""Latency of topk.top on three nodes, beside one node that has as many events as each of them: median and p99, by pgbench. The
extension must be installed in the server of PG_CONFIG. Fails if the p99 of three nodes is above LIMIT, or if topk.top misses events.

The rounds interleave: one node without nodes, the same node with pg_topk.ask_nodes off, and three nodes. With --citus the three are
a coordinator and two workers of Citus, whose workers have the shards of a distributed table; the coordinator and a worker are asked.
Where Citus is not installed, that is skipped."""
import argparse
import glob
import os
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
sys.path.append(os.path.join(ROOT, 'tests/lib'))

from server import Server, server_user

LIMIT = 10  # ms
SETTINGS = {'fsync': 'off', 'timezone': 'UTC', 'shared_preload_libraries': 'pg_topk', 'jit': 'off', 'shared_buffers': '256MB',
            'max_wal_size': '2GB', 'pg_topk.worker': 'off'}
DAY = "date_trunc('day', now(), 'UTC') - interval '2 days'"
CREATE = """
CREATE TABLE hits (at timestamptz, item text);
%s
SELECT topk.create_rollup('hits', 'hits', 'item', 'at');
"""
INSERT = f"""
INSERT INTO hits SELECT {DAY} + random() * interval '1 day', 'item_' || floor(exp(random() * ln(200000))) FROM generate_series(1, %d) AS n
"""


def sql(server, statement):
    return subprocess.run([*server.psql(), '-c', statement], check=True, capture_output=True, text=True).stdout.strip()


def fill(server, rows, fold):
    """All but a thousand rows are folded."""
    sql(server, INSERT % rows)
    sql(server, fold)
    sql(server, INSERT % 1000)


def has_citus():
    sharedir = subprocess.check_output([os.environ.get('PG_CONFIG', 'pg_config'), '--sharedir'], text=True).strip()
    return os.path.exists(os.path.join(sharedir, 'extension/citus.control'))


def latencies(server, script, transactions, options=''):
    """Milliseconds of each transaction."""
    with tempfile.TemporaryDirectory(prefix='pg_topk.') as directory:
        os.chmod(directory, 0o777)
        path = os.path.join(directory, 'script.sql')
        with open(path, 'w') as file:
            file.write(script)
        subprocess.run([server.program('pgbench'), '-n', '-c', '1', '-M', 'prepared', '-t', str(transactions), '-f', path, '-l',
                        '--log-prefix', os.path.join(directory, 'log'), '-h', server.directory, '-U', server.user, 'postgres'],
                       check=True, capture_output=True, env={**os.environ, 'PGOPTIONS': options}, cwd=directory, **server_user())
        with open(glob.glob(os.path.join(directory, 'log*'))[0]) as log:
            return [int(line.split()[2]) / 1000 for line in log][transactions // 10:]


def start_nodes(arguments, servers):
    """Returns the servers to ask by what the output calls them, each with options of the session."""
    for server in servers:
        server.start(SETTINGS)
        sql(server, 'CREATE EXTENSION pg_topk; CREATE EXTENSION postgres_fdw')
        sql(server, CREATE % '')
        fill(server, arguments.rows, 'CALL topk.run()')
    single, asked, *others = servers
    for number, other in enumerate(others):
        sql(asked, f"""CREATE SERVER n{number} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{other.directory}', dbname 'postgres');
            CREATE USER MAPPING FOR postgres SERVER n{number} OPTIONS (user 'postgres')""")
        sql(asked, f"SELECT topk.add_node('n{number}')")
    return {'one node': (single, ''), 'one node that has nodes, asked alone': (asked, '-c pg_topk.ask_nodes=off'), 'three nodes': (asked, '')}


def start_cluster(arguments, servers):
    for server in servers:
        server.start({**SETTINGS, 'shared_preload_libraries': 'citus,pg_topk', 'wal_level': 'logical', 'max_prepared_transactions': '50',
                      'citus.local_hostname': server.directory})
        sql(server, 'CREATE EXTENSION citus')
        sql(server, 'CREATE EXTENSION pg_topk')
    coordinator, *workers = servers
    port = sql(coordinator, 'SHOW port')
    sql(coordinator, f"SELECT citus_set_coordinator_host('{coordinator.directory}', {port})")
    for worker in workers:
        sql(coordinator, f"SELECT citus_add_node('{worker.directory}', {port})")
    sql(coordinator, CREATE % "SELECT create_distributed_table('hits', 'item');")
    fill(coordinator, 3 * arguments.rows + 2000, "SELECT result FROM run_command_on_all_nodes('CALL topk.run()')")
    return {'the coordinator': (coordinator, ''), 'a worker, asked alone': (workers[0], '-c pg_topk.ask_nodes=off'), 'a worker': (workers[0], '')}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rows', type=int, default=1000000, help='events of each node')
    parser.add_argument('--transactions', type=int, default=500, help='answers in a round')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--citus', action='store_true', help='a cluster of Citus in the place of plain nodes')
    arguments = parser.parse_args()
    if arguments.citus and not has_citus():
        print('skipped: a cluster of Citus, which is not installed on this server')
        return
    servers = [Server() for _ in range(3 if arguments.citus else 4)]
    try:
        kinds = (start_cluster if arguments.citus else start_nodes)(arguments, servers)
        asked = list(kinds.values())[-1][0]
        events = sql(asked, f"SELECT events, nodes FROM topk.window_info('hits', 'day', {DAY})")
        if events != f'{3 * (arguments.rows + 1000)}|3':
            sys.exit(f'window_info returns {events}')
        top = f"SELECT * FROM topk.top('hits', 'day', {DAY}, 10);\n"
        found = {kind: [] for kind in kinds}
        for number in range(arguments.rounds + 1):
            for kind, (server, options) in kinds.items():
                times = latencies(server, top, arguments.transactions, options)
                if number > 0:
                    found[kind].append(times)
        print(f'{"topk.top of a day, ms":40} {"median":>8} {"p99":>8}')
        for kind, rounds in found.items():
            medians = [statistics.median(times) for times in rounds]
            p99 = [statistics.quantiles(times, n=100)[98] for times in rounds]
            print(f'{kind:40} {statistics.median(medians):8.2f} {statistics.median(p99):8.2f}')
        if statistics.median(p99) > LIMIT:
            sys.exit(f'The p99 of three nodes is above {LIMIT} ms.')
    finally:
        for server in servers:
            server.remove()


main()
