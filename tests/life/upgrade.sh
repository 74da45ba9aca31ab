# pg_upgrade copies the tables as files into a cluster in which functions have other OIDs. With OLD_PG_CONFIG the cluster comes from that
# server, which has the extension too.

new=$bindir old=${OLD_PG_CONFIG:+$("$OLD_PG_CONFIG" --bindir)}
old=${old:-$new}
bindir=$old
start_server before
fresh life_upgrade
psql -d life_upgrade <<'SQL' >/dev/null
CREATE SCHEMA lib;
CREATE TYPE lib.status AS ENUM ('paid', 'open');
CREATE FUNCTION lib.dropped() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION lib.norm(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower($1); END';
DROP FUNCTION lib.dropped;
CREATE TABLE t (item text, st lib.status, ts timestamptz DEFAULT now());
CREATE FOREIGN TABLE s (item text, st lib.status, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup(name, name::regclass, 'lib.norm(item)', 'ts', filter => $$st = 'paid'$$) FROM (VALUES ('s'), ('t')) AS v (name);
INSERT INTO t VALUES ('A', 'paid'), ('A', 'open');
INSERT INTO s VALUES ('A', 'paid'), ('A', 'open');
SELECT fold_all();
INSERT INTO t VALUES ('B', 'paid');
-- Windows with a summary, a sketch and registers, and with groups; snapshots; a limit; counts that no fold has taken
CREATE FOREIGN TABLE many (item text, g text, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('many', 'many', 'item', 'ts', group_by => '{g}', capacity => 100, k => 10, width => 1000, accept_past => '40 days');
INSERT INTO many SELECT 'item ' || i % 5000, i % 3, now() - i % 35 * interval '1 day' FROM generate_series(1, 50000) AS i;
SELECT fold_all();
INSERT INTO many SELECT 'late ' || i % 7, 'new', now() - interval '34 days' FROM generate_series(1, 100) AS i;
SELECT topk.set_limit(source => 'many', max_item_bytes => 20);
CREATE ROLE life_asker IN ROLE topk_reader;
SELECT topk.grant_ask('many', 'life_asker', '{1}');
SQL
state="SELECT 'tiles', count(*), sum(events), md5(string_agg(t::text, ' ' ORDER BY rollup, level, start, grp)) FROM topk.tile AS t
    UNION ALL SELECT 'deltas', count(*), sum(events), NULL FROM (SELECT events FROM topk.delta_0 UNION ALL SELECT events FROM topk.delta_1 UNION ALL SELECT events FROM topk.delta_2 UNION ALL SELECT events FROM topk.delta_3) AS d
    UNION ALL SELECT 'snapshots', count(*), NULL, md5(string_agg(s::text, ' ' ORDER BY s::text)) FROM topk.snapshots AS s
    UNION ALL SELECT 'limits', count(*), NULL, string_agg(concat(role, source, max_item_bytes), ' ') FROM topk.limits
    UNION ALL SELECT 'rights to ask', count(*), NULL, string_agg(concat(rollup, role, group_key), ' ') FROM topk.askers
    UNION ALL SELECT 'answers', count(*), sum(count), md5(string_agg(a::text, ' ' ORDER BY grp, rank, item)) FROM (
        SELECT g.key::text AS grp, r.* FROM (VALUES (NULL::text[]), ('{1}'), ('{new}')) AS g (key), topk.range('many', date_trunc('day', now()) - interval '39 days', date_trunc('day', now()) + interval '1 day', 50, g.key) AS r) AS a"
state_before=$(sql life_upgrade -c "$state")
check 'before: there is some of everything' '6|0' "$(awk -F'|' '$2 > 0 { some++ } { all++ } END { print some "|" all - some }' <<<"$state_before")"
counted="SELECT counts('s'), counts('t')"
wanted=$(sql life_upgrade -c "$counted")
oid=$(sql life_upgrade -c "SELECT 'lib.norm'::regproc::oid")
trees='SELECT count(*), count(DISTINCT cluster), min(cluster) FROM topk.expression_tree'
before=$(sql life_upgrade -c "$trees")
stop_server before
bindir=$new
# From 18 on, initdb turns checksums on, and pg_upgrade wants them as they were.
if ! "$old/initdb" --help | grep -q -e --no-data-checksums && "$new/initdb" --help | grep -q -e --no-data-checksums; then
    initdb_options=(--no-data-checksums)
fi
start_server after
initdb_options=()
stop_server after
upgrade() { as_server_user env -C "$scratch/before" "$new/pg_upgrade" -b "$old" -B "$new" -d "$scratch/before/data" -D "$scratch/after/data" -p 50432 -P 50433 -s "$scratch/before" "$@" 2>&1; }
check 'pg_upgrade' 'Upgrade Complete' "$(upgrade | grep -x 'Upgrade Complete' || upgrade --check)"
launch_server after
check "... from $("$old/postgres" --version) to" "$("$new/postgres" --version)" "postgres (PostgreSQL) $(sql life_upgrade -c 'SHOW server_version')"
check 'tiles, deltas, snapshots, limits and answers are the same' "$state_before" "$(sql life_upgrade -c "$state")"
check '... who may ask for a group does so, and asks for nothing else' '10|42501' "$(sql life_upgrade -c 'SET ROLE life_asker' -c "SELECT (SELECT count(*) FROM topk.top('many', 'month', group_key => '{1}')), sqlstate_of('SELECT topk.top(''many'', ''month'')')")"
check '... the limit is obeyed' 'ERROR:  TK002' "$(sql life_upgrade -c "INSERT INTO many VALUES (repeat('x', 21))")"
waited="SELECT count(*), sum(count) FROM topk.range('many', now() - interval '36 days', now(), 50, '{new}')"
check '... what waited counts, and is folded' '7|100|7|100' "$(sql life_upgrade -c "$waited" -c 'SELECT FROM fold_all()' -c "$waited" | paste -sd'|')"
check 'counts, and the trees of the old cluster' "$wanted|$before" "$(sql life_upgrade -c "$counted" | tr '\n' '|')$(sql life_upgrade -c "$trees")"
check '... whose functions had other numbers' t "$(sql life_upgrade -c "SELECT 'lib.norm'::regproc::oid <> $oid")"
check 'the text is read in place of them' 'a=2|a=2 b=1' "$(sql life_upgrade -c "INSERT INTO s VALUES ('A', 'paid'), ('A', 'open')" -c "INSERT INTO t VALUES ('A', 'paid'), ('A', 'open')" -c "$counted")"
check 'the first statement that would break an expression is refused' 'ERROR:  2BP01' "$(sql life_upgrade -c 'DROP FUNCTION lib.norm')"
check 'new names' "a=3|a=3 b=1" "$(sql life_upgrade -c "ALTER TYPE lib.status RENAME VALUE 'paid' TO 'settled'" -c 'ALTER FUNCTION lib.norm RENAME TO normal' \
    -c "INSERT INTO s VALUES ('A', 'settled'), ('A', 'open')" -c "INSERT INTO t VALUES ('A', 'settled'), ('A', 'open')" -c "$counted")"
check '... in the texts too' "lib.normal(item)|(st = 'settled'::lib.status)" "$(sql life_upgrade -c 'SELECT DISTINCT item, filter FROM topk.rollups WHERE filter IS NOT NULL')"
check 'the trees of the new cluster' '3|1|t' "$(sql life_upgrade -c "SELECT count(*), count(DISTINCT cluster), min(cluster) <> $(cut -d'|' -f3 <<<"$before") FROM topk.expression_tree")"
check 'topk.run() writes trees that are missing' 3 "$(sql life_upgrade -c 'DELETE FROM topk.expression_tree' -c 'CALL topk.run()' -c 'SELECT count(*) FROM topk.expression_tree')"
stop_server after
export PGHOST=$scratch/server
