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

# Tables of another form, as the number of topk.catalog_form() says: of a script from before there was one, and of an update.
script=$shared/extension/pg_topk--$version.sql
sed '/^CREATE FUNCTION topk.catalog_form/,/^    .returns the number of the form/d' "$script" >"$(inside "$shared")/extension/pg_topk--before.sql"
form() { echo "CREATE OR REPLACE FUNCTION topk.catalog_form() RETURNS integer LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', '$1';"; }
known=$(grep -oP "AS 'MODULE_PATHNAME', '\Ktopk_catalog_\d+" "$script")
form topk_maintain >"$(inside "$shared")/extension/pg_topk--$version--other.sql" # any other function of the library
form "$known" | tee "$(inside "$shared")/extension/pg_topk--other--$version.sql" >"$(inside "$shared")/extension/pg_topk--before--$version.sql"

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

unreadable='the library of pg_topk cannot read the tables'
states() { sql "$1" -v VERBOSITY=sqlstate "${@:2}" | grep -oP '^ERROR:  \K.*' | sort -u | paste -sd' '; }
refused() { # DATABASE: with a table "plain" and a stream "good"
    states "$1" -c "INSERT INTO good VALUES ('x', now())" -c "SELECT topk.create_rollup('more', 'plain', 'item', 'at')" -c "SELECT * FROM topk.top('good', 'day')" -c 'TABLE topk.rollups' \
        -c 'CALL topk.run()' -c "SELECT topk.drop_rollup('good')" -c 'ALTER TABLE plain ADD more integer'
}
sql postgres -c 'CREATE DATABASE before' -c 'CREATE DATABASE other' >/dev/null
sql before -c 'CREATE TABLE plain (item text, at timestamptz)' -c 'CREATE TABLE good (LIKE plain)' >/dev/null
check 'a script from before there was a number' '' "$(sql before -c "CREATE EXTENSION pg_topk VERSION 'before'")"
check '... the library refuses its tables' 55000 "$(states before -c "SELECT topk.create_rollup('good', 'good', 'item', 'at')" -c "SELECT * FROM topk.top('good', 'day')" -c 'TABLE topk.rollups' -c 'CALL topk.run()' -c 'ALTER TABLE plain ADD more integer')"
check '... tables without rollups are like any other' 1 "$(sql before -c "INSERT INTO plain VALUES ('x', now())" -c 'SELECT count(*) FROM plain')"
sql other -c "$(sed "s/CREATE EXTENSION pg_topk/& VERSION '$version'/" <<<"$setup")" -c 'CREATE TABLE plain (item text, at timestamptz)' >/dev/null
insert other good 100
soon_is 5 'another database folds' 100 query other "$(events_of good)"
check 'its tables get another form' '' "$(sql other -c "ALTER EXTENSION pg_topk UPDATE TO 'other'")"
check '... the library refuses them' 55000 "$(refused other)"
soon_is 10 '... the workers of both end' 2 eval "grep -oE 'pg_topk worker for database [0-9]+ ended' '$PGHOST/log' | sort -u | wc -l"
check '... and say why' yes "$(grep -q "$unreadable" "$PGHOST/log" && echo yes)"
insert postgres good 5
soon_is 5 'the worker of a readable database goes on' 120 query postgres "$(events_of good)"
lines=$(grep -c "$unreadable" "$PGHOST/log")
sleep 3
check 'workers that cannot read do not fill the log' yes "$([ $(($(grep -c "$unreadable" "$PGHOST/log") - lines)) -le 6 ] && echo yes)"
for database in before other; do check "ALTER EXTENSION UPDATE of $database is the way out" '' "$(sql $database -c "ALTER EXTENSION pg_topk UPDATE TO '$version'")"; done
check '... nothing was counted, and nothing lost' '100|t' "$(sql other -c "SELECT (SELECT events FROM topk.stats WHERE rollup = 'good'), (SELECT sum(count) FROM topk.range('good', now() - interval '1 day', now())) = 100")"
insert other good 10
sql before -c "SELECT FROM topk.create_rollup('good', 'good', 'item', 'at')" >/dev/null
insert before good 10
soon_is 30 '... workers fold again' '110|10' eval "echo \"\$(query other \"$(events_of good)\")|\$(query before \"$(events_of good)\")\""
check 'the server never restarted' '' "$(grep -E 'PANIC|terminated by signal|reinitializing' "$PGHOST/log")"
