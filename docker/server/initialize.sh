#!/bin/bash
# Runs when the server is started for the first time, in the database of POSTGRES_DB.
set -euo pipefail
psql -X -q -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" -c 'CREATE EXTENSION IF NOT EXISTS pg_topk'
