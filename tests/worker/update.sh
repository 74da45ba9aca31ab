# ALTER EXTENSION UPDATE while workers run, on a copy of the installation that has a later version of the extension.

# The server finds its files relative to its executable, so links beside a copy of the executable make a copy of the installation.
compiled=$("$PG_CONFIG" --bindir)
shared=$("$PG_CONFIG" --sharedir)
libraries=$("$PG_CONFIG" --pkglibdir)
tree=$scratch/installation
common=$compiled
while [[ $shared/ != "$common"/* || $libraries/ != "$common"/* ]]; do common=${common%/*}; done
inside() { echo "$tree${1#"$common"}"; }
mkdir -p "$(inside "$compiled")" "$(inside "$shared")/extension" "$(dirname "$(inside "$libraries")")"
cp "$compiled/postgres" "$(inside "$compiled")/"
[ -e "$(inside "$libraries")" ] || ln -s "$libraries" "$(inside "$libraries")"
for file in "$shared"/*; do [ "${file##*/}" = extension ] || ln -s "$file" "$(inside "$shared")/"; done
ln -s "$shared"/extension/* "$(inside "$shared")/extension/"
rm "$(inside "$shared")/extension/pg_topk.control"
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$shared/extension/pg_topk.control")
sed "s/^default_version.*/default_version = 'later'/" "$shared/extension/pg_topk.control" >"$(inside "$shared")/extension/pg_topk.control"
# Each table gets a column that the library does not know.
{
    echo 'ALTER TABLE topk.rollup ADD later integer NOT NULL DEFAULT 1;'
    printf 'ALTER TABLE topk.%s ADD later integer;\n' rollup_state log_slot delta_{0..3} tile set_aside group_key snapshot error_log limit_rule ask_grant expression_tree backfill_progress
} >"$(inside "$shared")/extension/pg_topk--$version--later.sql"

start_server updated "shared_preload_libraries = 'pg_topk'" 'log_min_messages = log' 'pg_topk.fold_interval = 100ms'
restart_server updated -p "$(inside "$compiled")/postgres"
sql postgres -c "$(sed "s/CREATE EXTENSION pg_topk/& VERSION '$version'/" <<<"$setup")" >/dev/null
soon_is 3 'a worker of the old version' 1 query postgres "$(worker_of postgres)"
insert postgres good 100
soon_is 3 '... folds' 100 query postgres "$(events_of good)"
pid=$(pid_of postgres)
# In a session whose caches have the old version, in the middle of its work
check 'ALTER EXTENSION UPDATE' "$version|later|110" "$(sql postgres <<'SQL'
SELECT extversion FROM pg_extension WHERE extname = 'pg_topk' \gset old_
INSERT INTO good SELECT 'before', now() - interval '3 hours' FROM generate_series(1, 5);
BEGIN;
ALTER EXTENSION pg_topk UPDATE;
INSERT INTO good SELECT 'meanwhile', now() - interval '3 hours' FROM generate_series(1, 3);
COMMIT;
INSERT INTO good SELECT 'after', now() - interval '3 hours' FROM generate_series(1, 2);
SELECT :'old_extversion', extversion, (SELECT sum(count) FROM topk.range('good', now() - interval '1 day', now())) FROM pg_extension WHERE extname = 'pg_topk';
SQL
)"
soon_is 5 'another worker takes over' 1 query postgres "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_topk worker' AND pid <> $pid"
soon_is 5 '... and folds' 110 query postgres "$(events_of good)"
check 'an update that is rolled back' '' "$(sql postgres -c 'BEGIN' -c "UPDATE pg_extension SET extversion = 'none' WHERE extname = 'pg_topk'" -c 'ROLLBACK')"
pid=$(pid_of postgres)
insert postgres good 5
soon_is 5 '... does not change the worker' "115|$pid" query postgres "SELECT events - pending_events, pid FROM topk.stats, pg_stat_activity WHERE rollup = 'good' AND backend_type = 'pg_topk worker'"
check 'the server never restarted' '' "$(grep -E 'PANIC|terminated by signal|reinitializing' "$PGHOST/log")"
