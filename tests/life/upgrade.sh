# pg_upgrade copies the tables as files into a cluster in which functions have other OIDs

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
SQL
counted="SELECT counts('s'), counts('t')"
wanted=$(sql life_upgrade -c "$counted")
oid=$(sql life_upgrade -c "SELECT 'lib.norm'::regproc::oid")
trees='SELECT count(*), count(DISTINCT cluster), min(cluster) FROM topk.expression_tree'
before=$(sql life_upgrade -c "$trees")
stop_server before
start_server after
stop_server after
upgrade() { as_server_user env -C "$scratch/before" "$bindir/pg_upgrade" -b "$bindir" -B "$bindir" -d "$scratch/before/data" -D "$scratch/after/data" -p 50432 -P 50433 -s "$scratch/before" "$@" 2>&1; }
check 'pg_upgrade' 'Upgrade Complete' "$(upgrade | grep -x 'Upgrade Complete' || upgrade --check)"
launch_server after
check 'counts, and the trees of the old cluster' "$wanted|$before" "$(sql life_upgrade -c "$counted" | tr '\n' '|')$(sql life_upgrade -c "$trees")"
check '... whose functions had other numbers' t "$(sql life_upgrade -c "SELECT 'lib.norm'::regproc::oid <> $oid")"
check 'the text is read in place of them' 'a=2|a=2 b=1' "$(sql life_upgrade -c "INSERT INTO s VALUES ('A', 'paid'), ('A', 'open')" -c "INSERT INTO t VALUES ('A', 'paid'), ('A', 'open')" -c "$counted")"
check 'the first statement that would break an expression is refused' 'ERROR:  2BP01' "$(sql life_upgrade -c 'DROP FUNCTION lib.norm')"
check 'new names' "a=3|a=3 b=1" "$(sql life_upgrade -c "ALTER TYPE lib.status RENAME VALUE 'paid' TO 'settled'" -c 'ALTER FUNCTION lib.norm RENAME TO normal' \
    -c "INSERT INTO s VALUES ('A', 'settled'), ('A', 'open')" -c "INSERT INTO t VALUES ('A', 'settled'), ('A', 'open')" -c "$counted")"
check '... in the texts too' "lib.normal(item)|(st = 'settled'::lib.status)" "$(sql life_upgrade -c 'SELECT DISTINCT item, filter FROM topk.rollups')"
check 'the trees of the new cluster' '2|1|t' "$(sql life_upgrade -c "SELECT count(*), count(DISTINCT cluster), min(cluster) <> $(cut -d'|' -f3 <<<"$before") FROM topk.expression_tree")"
check 'topk.run() writes trees that are missing' 2 "$(sql life_upgrade -c 'DELETE FROM topk.expression_tree' -c 'CALL topk.run()' -c 'SELECT count(*) FROM topk.expression_tree')"
stop_server after
export PGHOST=$scratch/server
