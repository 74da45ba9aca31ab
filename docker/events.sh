#!/bin/bash
# compose.yaml runs this when the server is started for the first time: a stream of events, a rollup of its items, and roles. collector may
# send events, dashboard may ask, and topk_gateway may do either in the place of one of them.
set -euo pipefail
psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v collector="$COLLECTOR_PASSWORD" -v dashboard="$DASHBOARD_PASSWORD" \
    -v gateway="$GATEWAY_PASSWORD" <<'SQL'
CREATE FOREIGN TABLE events (item_id text, ts timestamptz DEFAULT now(), source text, metadata jsonb) SERVER topk;
SELECT FROM topk.create_rollup('events', 'events', item => 'item_id', event_time => 'ts', group_by => '{source}', grain => '1 minute');
CREATE ROLE collector LOGIN PASSWORD :'collector' IN ROLE topk_writer;
CREATE ROLE dashboard LOGIN PASSWORD :'dashboard' IN ROLE topk_reader;
CREATE ROLE topk_gateway LOGIN NOINHERIT PASSWORD :'gateway' IN ROLE collector, dashboard;
GRANT INSERT ON events TO collector;
GRANT SELECT ON events TO dashboard;
SQL
