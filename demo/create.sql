-- Creates what ./run demo loads: a stream with a rollup, and an ordinary table for comparison.
\set QUIET on
SET client_min_messages = warning;
\echo
\echo == A stream, and a rollup of it
\echo
\set ECHO queries
CREATE EXTENSION pg_topk;
CREATE FOREIGN TABLE events (
    epoch double precision NOT NULL, item text NOT NULL, weight bigint DEFAULT 1,
    at timestamptz GENERATED ALWAYS AS (to_timestamp(epoch)) STORED
) SERVER topk;
SELECT topk.create_rollup('events', 'events', item => 'item', event_time => 'at', weight => 'weight', filter => 'weight >= 0',
                          accept_past => '1000 years', retention => '{"tile": "1000 years", "hour": "1000 years",
                              "day": "1000 years", "week": "1000 years", "month": "1000 years"}') AS rollup;
\set ECHO none
CREATE UNLOGGED TABLE loaded (epoch double precision NOT NULL, item text NOT NULL, weight bigint DEFAULT 1);
