"""Servers that may be killed at any time, and connections to them."""
import time

import psycopg2

from server import Server

# Only processes crash here, not the machine, so a killed server recovers without fsync too.
SETTINGS = {
    'fsync': 'off', 'timezone': 'UTC', 'shared_buffers': '128MB', 'max_wal_size': '256MB', 'checkpoint_timeout': '30s',
    'wal_level': 'replica', 'wal_keep_size': '1GB', 'max_connections': 60, 'max_prepared_transactions': 30, 'max_wal_senders': 6,
    'autovacuum_naptime': '5s', 'deadlock_timeout': '200ms', 'restart_after_crash': 'on',
    'shared_preload_libraries': 'pg_topk', 'hot_standby': 'on', 'max_standby_streaming_delay': '5s',
    'log_line_prefix': '%m [%p] %q%a ', 'jit': 'off',
}


class PatientServer(Server):
    def connect(self, name='torture', database='postgres', patience=60):
        """Returns a connection in autocommit mode; waits while the server recovers."""
        deadline = time.monotonic() + patience
        while True:
            try:
                c = psycopg2.connect(host=self.directory, user=self.user, dbname=database, application_name=name,
                                     connect_timeout=10)
                c.autocommit = True
                return c
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
