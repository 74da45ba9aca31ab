# pg_dump and restore, in every form

fresh life_source
psql -d life_source <<'SQL' >/dev/null
CREATE SCHEMA "z's";
CREATE TABLE keyed (id serial PRIMARY KEY, item text NOT NULL, ts timestamptz DEFAULT now(), UNIQUE (id, item));
CREATE TABLE parted (region text, item text, ts timestamptz DEFAULT now(), id integer REFERENCES keyed) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (id integer, gone text, item text NOT NULL, ts timestamptz NOT NULL DEFAULT now(), region text NOT NULL);
ALTER TABLE parted_b DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
CREATE INDEX ON parted (item);
CREATE FOREIGN TABLE stream (gone integer, old text, ts timestamptz DEFAULT now(), g text, d date) SERVER topk;
ALTER FOREIGN TABLE stream DROP COLUMN gone;
CREATE TABLE "z's"."t""able" ("it'em" text, ts timestamptz DEFAULT now());
SELECT topk.create_rollup('keyed', 'keyed', 'item', 'ts');
SELECT topk.create_rollup('parted', 'parted', 'item', 'ts', group_by => '{region}');
SELECT topk.create_rollup('stream', 'stream', 'lower(old)', 'ts', group_by => '{g,d}', filter => $$d IS DISTINCT FROM '2000-01-02'$$, capacity => 100, k => 10);
SELECT topk.create_rollup('"q''"""', '"z''s"."t""able"', '"it''em"', 'ts');
-- A name that another schema has too
SELECT topk.create_rollup('keyed', '"z''s"."t""able"', '"it''em"', 'ts', filter => $$"it'em" <> 'q1'$$);
-- Names that change before the dump
CREATE TYPE "z's".status AS ENUM ('paid', 'open');
CREATE FUNCTION "z's".norm(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower($1); END';
CREATE TABLE sold (item text, st "z's".status, ts timestamptz DEFAULT now());
SELECT topk.create_rollup('sold', 'sold', $$"z's".norm(item)$$, 'ts', filter => $$st = 'paid'$$);
ALTER TYPE "z's".status RENAME VALUE 'paid' TO 'settled';
ALTER TYPE "z's".status RENAME TO "the 'state'";
ALTER FUNCTION "z's".norm RENAME TO "the norm";
INSERT INTO sold VALUES ('SOLD', 'settled'), ('SOLD', 'open');
CREATE ROLE "life A""sker" IN ROLE topk_reader;
CREATE ROLE life_gone IN ROLE topk_reader;
SELECT topk.grant_ask('sold', '"life A""sker"'), topk.grant_ask('parted', '"life A""sker"', $${{b},{"it's, \"c\""}}$$), topk.grant_ask('sold', 'life_gone');
ALTER FOREIGN TABLE stream RENAME old TO new;
ALTER TABLE "z's"."t""able" RENAME ts TO "t's";
INSERT INTO keyed (item) SELECT 'i' || i % 5 FROM generate_series(1, 100) i;
INSERT INTO parted SELECT 'a', 'p' || i % 5, now() - i * interval '1 s' FROM generate_series(1, 100) i;
INSERT INTO stream (new, ts, g) SELECT 'S' || i % 250, now() - i * interval '1 minute', i % 3 FROM generate_series(1, 10000) i;
INSERT INTO "z's"."t""able" SELECT 'q' || i FROM generate_series(1, 3) i;
SELECT fold_all();
-- Pending rows in several slots of the log; a session knows the slot that is active
UPDATE topk.log_slot SET state = CASE slot WHEN 2 THEN 'active' ELSE 'draining' END;
\c
INSERT INTO keyed (item) VALUES ('pending');
UPDATE topk.log_slot SET state = CASE slot WHEN 3 THEN 'active' ELSE 'draining' END;
\c
INSERT INTO stream (new, g, d) VALUES ('pending', 'x', '2000-01-01'), ('filtered', 'x', '2000-01-02');
INSERT INTO parted_b (region, item) VALUES ('b', 'pending');
SQL
check 'slots with pending rows' '0|1|2' "$(sql life_source -c 'SELECT (SELECT count(*) FROM topk.delta_1), (SELECT count(*) FROM topk.delta_2), (SELECT count(*) FROM topk.delta_3)' | sed 's/^[0-9]*|/0|/')"

state_of() { # DATABASE: prints all counts and definitions that a dump keeps
    sql "$1" -c "SELECT name, source, item, event_time, group_by, filter, events, late, rejected, retention, accept_past FROM topk.rollups ORDER BY schema, name" \
        -c "SELECT r.name, md5(string_agg(t::text, ' ' ORDER BY start, grp, level)) FROM (SELECT rollup, level, grp, start, stop, events, finished, md5(summary::text), md5(sketch::text), md5(registers) FROM topk.tile) AS t JOIN topk.rollup AS r ON r.id = t.rollup GROUP BY 1 ORDER BY 1" \
        -c "SELECT md5(string_agg(s::text, ' ' ORDER BY s::text)) FROM topk.snapshots AS s" \
        -c "SELECT md5(string_agg(g::text, ' ' ORDER BY g::text)) FROM topk.groups AS g" \
        -c "SELECT name, counts(format('%I.%I', schema, name)) FROM topk.rollups ORDER BY schema, name" \
        -c "SELECT string_agg(concat_ws(' ', rollup, role, group_key), ', ' ORDER BY rollup, role, group_key) FROM topk.askers" \
        -c "SELECT counts('parted', '{b}'), counts('stream', '{1,NULL}'), counts('stream', '{x,2000-01-01}')"
}
wanted=$(state_of life_source)
check 'the state has everything' 3 "$(grep -c '=' <<<"$wanted" | sed 's/[3-9]/3/')"

# counts_on DATABASE WHAT: checks that rows which are inserted in every way count once, also after a fold
counts_on() {
    psql -d "$1" <<'SQL' >/dev/null
INSERT INTO keyed (item) VALUES ('pending'), ('new');
INSERT INTO parted (region, item) VALUES ('a', 'new'), ('b', 'new');
INSERT INTO parted_b (region, item, ts) VALUES ('b', 'new', now() - interval '1 s');
INSERT INTO stream (new, g, d) VALUES ('PENDING', 'x', '2000-01-01'), ('x', 'x', '2000-01-02');
INSERT INTO "z's"."t""able" VALUES ('new');
INSERT INTO sold VALUES ('SOLD', 'settled'), ('SOLD', 'open');
SQL
    local after='new=1 pending=2|new=3 pending=1|new=2 pending=1|pending=2|new=1|sold=2'
    local query="SELECT regexp_replace(counts('keyed'), 'i\\d=\\d+ ', '', 'g'), regexp_replace(counts('parted'), ' p\\d=\\d+', '', 'g'),
        counts('parted', '{b}'), counts('stream', '{x,2000-01-01}'), regexp_replace(counts('\"z''s\".\"q''\"\"\"'), ' q\\d=\\d+', '', 'g'), counts('sold')"
    check "$2: counts on" "$after" "$(sql "$1" -c "$query")"
    check "$2: folds on" "$after" "$(sql "$1" -c 'DO $$BEGIN PERFORM topk.maintain(), fold_all(), topk.maintain(); END$$' -c "$query")"
    check "$2: backfill" 'new=1 pending=2' "$(sql "$1" -c "DO \$\$BEGIN PERFORM topk.backfill('keyed'); END\$\$" -c "SELECT regexp_replace(counts('keyed'), 'i\\d=\\d+ ', '', 'g')")"
    check "$2: renames on" 'lower(newer)' "$(sql "$1" -c 'ALTER FOREIGN TABLE stream RENAME new TO newer' -c "SELECT item FROM topk.rollups WHERE name = 'stream'")"
    # The expressions are analysed again and keep their meaning; what they need is not dropped
    check "$2: other names" "\"z's\".norm(item)|(st = 'paid'::\"z's\".\"the 'state'\")|sold=3|2BP01" "$(sql "$1" -c "ALTER TYPE \"z's\".\"the 'state'\" RENAME VALUE 'settled' TO 'paid'" -c "ALTER FUNCTION \"z's\".\"the norm\" RENAME TO norm" \
        -c "INSERT INTO sold VALUES ('SOLD', 'paid')" -c "SELECT item, filter, counts('sold'), sqlstate_of('DROP FUNCTION \"z''s\".norm') FROM topk.rollups WHERE name = 'sold'")"
    check "$2: ... back" '' "$(sql "$1" -c "ALTER TYPE \"z's\".\"the 'state'\" RENAME VALUE 'paid' TO 'settled'" -c "ALTER FUNCTION \"z's\".norm RENAME TO \"the norm\"" -c "DELETE FROM sold WHERE st = 'settled'")"
    check "$2: new rollups get new numbers" '' "$(sql "$1" -c "DO \$\$BEGIN PERFORM topk.create_rollup('another', 'keyed', 'item', 'ts'); END\$\$")"
}
restored() { # DATABASE WHAT OUTPUT
    check "$2: restoring" '' "$3"
    check "$2: what is restored" "$wanted" "$(state_of life_target)"
    counts_on "$1" "$2"
}
empty_target() { psql -d postgres -c 'DROP DATABASE IF EXISTS life_target' -c 'CREATE DATABASE life_target'; }
dump() { "$bindir/pg_dump" -d life_source "$@" 2>&1; }
restore() { "$bindir/pg_restore" -d life_target "$@" 2>&1; }

chmod 777 "$scratch"
check 'pg_dump' '' "$(dump -Fc -f "$scratch/custom")$(dump -Fd -j2 -f "$scratch/directory")$(dump -f "$scratch/plain")$(dump --inserts --rows-per-insert=10 -f "$scratch/inserts")"
empty_target
restored life_target 'custom format, one transaction' "$(restore -1 -e "$scratch/custom")"
empty_target
restored life_target 'directory format, two jobs' "$(restore -j2 -e "$scratch/directory")"
empty_target
restored life_target 'plain format' "$(psql -d life_target -f "$scratch/plain" 2>&1 | grep -v '^[0-9 ]*$')"
empty_target
restored life_target 'INSERT statements' "$(psql -d life_target -f "$scratch/inserts" 2>&1 | grep -v '^[0-9 ]*$')"
check 'clean: into a database with these objects' '' "$(sql life_target -c "SELECT 1 FROM topk.drop_rollup('another')" | grep -v 1)$(restore --clean --if-exists -e "$scratch/custom")"
check 'clean: the restored state' "$wanted" "$(state_of life_target)"
# The schema is restored first and the data later, so that triggers exist when rows arrive.
empty_target
check 'schema only' '' "$(restore -s -e "$scratch/custom")"
check 'schema only: no rollups, but triggers' '0|6' "$(sql life_target -c "SELECT (SELECT count(*) FROM topk.rollup), (SELECT count(*) FROM pg_trigger WHERE tgname = 'topk_capture')")"
psql -d life_target -c "UPDATE topk.log_slot SET state = 'empty' WHERE slot > 1" # as after some rounds of a worker
check 'data only, triggers disabled' '' "$(restore -a --disable-triggers -e "$scratch/custom")"
psql -d life_target -c 'SELECT topk.maintain()' >/dev/null
restored life_target 'data only, triggers disabled' ''

# A dump during a fold, and a dump whose snapshot is older than folds and turns of the log
as_server_user "$bindir/psql" -X -q -d life_source -c "SET application_name = 'folder'" -c 'BEGIN' -c 'SELECT fold_all()' -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &
wait_for 30 1 query life_source "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'folder' AND wait_event = 'PgSleep'"
check 'in the middle of a fold: pg_dump' '' "$(dump -Fc -f "$scratch/folding")"
check 'in the middle of a fold: it was' t "$(sql life_source -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'folder' AND wait_event = 'PgSleep'")"
wait $!
empty_target
restored life_target 'in the middle of a fold' "$(restore -e "$scratch/folding")"

coproc HOLDER { "$bindir/psql" -X -q -A -t -d life_source 2>&1; }
echo 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot();' >&"${HOLDER[1]}"
read -r -t 30 snapshot <&"${HOLDER[0]}"
psql -d life_source <<'SQL' >/dev/null
INSERT INTO keyed (item) VALUES ('later');
UPDATE topk.log_slot SET state = CASE slot WHEN 0 THEN 'active' ELSE 'draining' END;
\c
SELECT fold_all();
SELECT topk.maintain();
SELECT topk.maintain();
INSERT INTO keyed (item) VALUES ('later still');
SELECT fold_all();
SQL
check 'a snapshot from before folds: the log has turned' 'active|folded|folded|folded' "$(sql life_source -c 'SELECT state FROM topk.log_slot ORDER BY slot' | paste -sd'|')"
check 'a snapshot from before folds: pg_dump' '' "$(dump -Fc --snapshot="$snapshot" -f "$scratch/snapshot")"
echo '\q' >&"${HOLDER[1]}"
wait ${HOLDER_PID:-}
# Other rollups have the ids of the dump
empty_target
psql -d life_target -c 'CREATE EXTENSION pg_topk' -c 'CREATE TABLE busy (item text, ts timestamptz)' \
    -c "SELECT topk.create_rollup('busy' || i, 'busy', 'item', 'ts') FROM generate_series(1, 8) AS i" >/dev/null
check 'ids that are taken: restoring' '' "$(restore -e "$scratch/custom")"
check 'ids that are taken: what an expression needs is known' '2BP01|0' "$(sql life_target -c "SELECT sqlstate_of('DROP FUNCTION \"z''s\".\"the norm\"'), (SELECT count(*) FROM topk.rollup AS r LEFT JOIN topk.expression_tree AS t ON t.rollup = r.id AND t.trigger <> 0 WHERE t.rollup IS NULL)")"
empty_target
restored life_target 'a snapshot from before folds' "$(restore -e "$scratch/snapshot")"
# Rights to ask are restored by the names of roles
asker='"life A""sker"'
check 'a role with a right asks' "new=2 pending=1|42501|done" "$(sql life_target -c "SET ROLE $asker" -c "SELECT counts('parted', '{b}'), sqlstate_of('SELECT counts(''parted'')'), sqlstate_of('SELECT counts(''sold'')')")"
psql -d postgres -c 'DROP ROLE life_gone'
empty_target
check 'a right of a role that lacks' 'WARNING:  42704' "$(PGOPTIONS= "$bindir/psql" -X -q -d life_target -v VERBOSITY=sqlstate -f "$scratch/plain" 2>&1 | grep WARNING | sed 's,^psql:[^ ]* ,,')"
check '... is not there, also when there is a role of its name' '0|3' "$(sql life_target -c 'CREATE ROLE life_gone IN ROLE topk_reader' -c "SELECT count(*) FILTER (WHERE role = 'life_gone'), count(*) FROM topk.askers")"
psql -d postgres -c 'DROP DATABASE life_target' -c "DROP ROLE $asker, life_gone"

# Streams keep no rows, which is no reason for a dump to fail.
check 'pg_dump of the rows of streams' '' "$(dump --include-foreign-data=topk -f "$scratch/foreign")$(dump --include-foreign-data=topk --inserts -f "$scratch/foreign")"
check '... other queries are told' 'ERROR:  0A000' "$(sql life_source -c 'SELECT count(*) FROM stream')"
