# More attacks: code that leaves something behind, or that is replaced later; questions with the rights of others; names, items and bytes
# that are made to be misread

fresh life_attacks
psql -d life_attacks -v tell="$here/tell.sql" <<'SQL' >/dev/null
CREATE ROLE life_mallory; CREATE ROLE life_victim; CREATE ROLE life_inserter; CREATE ROLE life_stranger;
CREATE ROLE life_reader IN ROLE topk_reader; CREATE ROLE life_bypasser BYPASSRLS IN ROLE topk_reader;
GRANT CREATE ON SCHEMA public TO life_mallory, life_victim;
CREATE TABLE evidence (who text DEFAULT current_user, what text);
GRANT INSERT ON evidence TO PUBLIC;

SET ROLE life_victim;
CREATE FOREIGN TABLE secret (item text, ts timestamptz DEFAULT now(), g text) SERVER topk;
SELECT topk.create_rollup('secret', 'secret', 'item', 'ts', group_by => '{g}');
GRANT SELECT ON secret TO life_reader;
INSERT INTO secret VALUES ('confidential', now() - interval '2 days', 'x');

SET ROLE life_mallory;
\i :tell
-- and that does what it is replaced by
CREATE FUNCTION bomb(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION bomb_check(integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT public.bomb('x') = 'x'$$;
CREATE DOMAIN bomb_domain AS integer CHECK (bomb_check(VALUE));
CREATE TABLE mined (item text, ts timestamptz DEFAULT now());
CREATE FOREIGN TABLE mined_stream (item text, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('mined', 'mined', $$item || bomb('') || left(('{1}'::bomb_domain[])::text, 0)$$, 'ts', backfill => true),
       topk.create_rollup('mined_stream', 'mined_stream', $$item || left(('{1}'::bomb_domain[])::text, 0)$$, 'ts');
INSERT INTO mined VALUES ('a');
INSERT INTO mined_stream VALUES ('a');
RESET ROLE;
SELECT fold_all();
SQL
mine() { # BODY: replaces the body of bomb()
    psql -d life_attacks -c 'SET ROLE life_mallory' -c "CREATE OR REPLACE FUNCTION bomb(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS \$\$BEGIN $1 RETURN \$1; END\$\$"
}

# The code runs in the session of a superuser, which goes on afterwards
mine "PERFORM set_config('search_path', 'evil, pg_catalog', false), set_config('topk.bomb', 'went off', false), set_config('DateStyle', 'German', false);"
for statement in "SELECT topk.backfill('mined')" "SELECT topk.accuracy('mined', 'day')" "SELECT topk.refresh('mined', now() - interval '1 hour', now())" 'CALL topk.run()' "DO 'BEGIN UPDATE topk.rollup_state SET backfill = ''wanted'' WHERE rollup = (SELECT id FROM topk.rollup WHERE name = ''mined''); CALL topk.run(); END'" \
    'ALTER TABLE mined ADD a integer' 'ALTER FOREIGN TABLE mined_stream ADD a integer' 'EXPLAIN INSERT INTO mined_stream VALUES (now()::text)'; do
    expect "settings of a user's code end with it: ${statement:0:50}" $'done\n"$user", public|ISO, MDY' 'SET topk.bomb = $$$$' "SELECT outcome(\$s\$$statement\$s\$)" "SELECT current_setting('search_path'), current_setting('DateStyle')"
done
expect '... and are set while it runs' 'went off' 'SET ROLE life_mallory' "DO \$\$BEGIN PERFORM public.bomb(current_user); END\$\$" "SELECT current_setting('topk.bomb')"

# Code that would run at the end of the transaction, with the rights of the session
psql -d life_attacks <<'SQL' >/dev/null
SET ROLE life_mallory;
CREATE TABLE later (i integer);
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.evidence (what) VALUES ('late'); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
CREATE FUNCTION plant() RETURNS void LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.later VALUES (1); END$$;
CREATE FUNCTION hold() RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT public.tell(''x'')'; END$$;
SQL
mine 'PERFORM public.plant();'
expect 'a deferred trigger' $'42501\n0' "SELECT sqlstate_of('SELECT topk.backfill(''mined'')')" "SELECT count(*) FROM evidence"
expect '... fires otherwise' $'1' 'SET ROLE life_mallory' "DO \$\$BEGIN PERFORM bomb('x'); END\$\$" 'RESET ROLE' "DELETE FROM evidence WHERE who = 'life_mallory' RETURNING 1"
mine 'PERFORM public.hold();'
expect 'a cursor that is held' $'42501\n0' "SELECT sqlstate_of('SELECT topk.backfill(''mined'')')" 'SELECT count(*) FROM pg_cursors'

# Functions that are replaced
mine ''
expect 'a function that becomes volatile stays, as in an index' $'done\n1\n1' 'SET ROLE life_mallory' 'ALTER FUNCTION bomb(text) VOLATILE' "SELECT sqlstate_of('INSERT INTO mined VALUES (''b'')')" 'RESET ROLE' "SELECT count FROM topk.top('mined', 'hour')"
expect '... and immutable again' $'done' 'SET ROLE life_mallory' 'ALTER FUNCTION bomb(text) IMMUTABLE' "SELECT outcome('INSERT INTO mined VALUES (''a'')')"
expect 'a function does not come back with another type' $'2BP01\na|2' 'SET ROLE life_mallory' 'BEGIN' 'CREATE TABLE other (item text, ts timestamptz DEFAULT now())' 'CREATE FUNCTION changing(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT $1$$' \
    "DO \$\$BEGIN PERFORM topk.create_rollup('other', 'other', 'changing(item)', 'ts'); END\$\$" "INSERT INTO other VALUES ('a'), ('a')" \
    "SELECT sqlstate_of('DROP FUNCTION changing(text)')" "SELECT item, count FROM topk.top('other', 'hour')"
mine "PERFORM public.tell('x');"
expect 'a function that is replaced has the rights of the owner still' 'done|done|done' "SELECT outcome('SELECT topk.backfill(''mined'')'), outcome('CALL topk.run()'), outcome('SELECT * FROM topk.top(''mined'', ''day''), topk.rollups, topk.snapshots')"

# The table gets another owner: its code runs with the rights of the new owner then, like its triggers, and with nobody else's
expect 'the former owner has no rights' $'42501\n0' 'ALTER TABLE mined OWNER TO life_victim' 'SET ROLE life_mallory' "SELECT DISTINCT sqlstate_of(q) FROM unnest(ARRAY['SELECT topk.top(''mined'', ''day'')', 'SELECT topk.drop_rollup(''mined'')', 'SELECT topk.backfill(''mined'')', 'SELECT topk.create_rollup(''more'', ''mined'', ''item'', ''ts'')', 'SELECT topk_api.get_topk(''mined'')']) AS q" \
    "SELECT count(*) FROM topk.rollups WHERE name = 'mined'"
expect 'the code has those of the new one, not those of a superuser who calls' 'XX999 here I am life_victim' "SELECT outcome('SELECT topk.backfill(''mined'')')"

# Event triggers of a DBA run the functions that their search_path finds. Partitions may have another owner than their root.
psql -d life_attacks <<'SQL' >/dev/null
CREATE TABLE audit (command text);
CREATE FUNCTION audit() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO audit VALUES (tg_tag); EXCEPTION WHEN undefined_table THEN END$$;
CREATE SCHEMA trap AUTHORIZATION life_mallory;
SET ROLE life_mallory;
CREATE TABLE root (item text, ts timestamptz DEFAULT now()) PARTITION BY LIST (item);
CREATE TABLE leaf PARTITION OF root DEFAULT;
CREATE TABLE trap.audit (command text);
GRANT USAGE ON SCHEMA trap TO PUBLIC;
GRANT INSERT ON trap.audit TO PUBLIC;
CREATE FUNCTION trap.spring() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.evidence (what) VALUES (tg_op); RETURN NEW; END$$;
CREATE TRIGGER spring BEFORE INSERT ON trap.audit FOR EACH ROW EXECUTE FUNCTION trap.spring();
RESET ROLE;
ALTER TABLE leaf OWNER TO life_victim;
CREATE EVENT TRIGGER audit ON ddl_command_start EXECUTE FUNCTION audit();
SQL
expect 'event triggers on the way to a partition of another owner' $'life_mallory' 'SET ROLE life_mallory' 'SET search_path = trap, public' "DO \$\$BEGIN PERFORM topk.create_rollup('root', 'root', 'item', 'ts'), topk.drop_rollup('root'), topk.create_rollup('root', 'root', 'item', 'ts'); END\$\$" \
    'RESET ROLE' 'SELECT DISTINCT who FROM public.evidence'
expect '... the partition has its trigger' '1' "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'leaf'::regclass"
psql -d life_attacks -c 'DROP EVENT TRIGGER audit' -c 'DELETE FROM evidence' -c 'DROP TABLE root, mined' -c 'DROP FOREIGN TABLE mined_stream'

# Code in every place of a table that can have code, and in its types
psql -d life_attacks <<'SQL' >/dev/null
SET ROLE life_mallory;
CREATE FUNCTION tell_true(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT public.tell($1) IS NOT NULL$$;
CREATE FUNCTION tell_zone(timestamptz) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$SELECT $1 + public.tell('0 s')::interval$$;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE FUNCTION mood_text(mood) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN public.tell(enum_first($1)::name::text); END$$;
CREATE CAST (mood AS text) WITH FUNCTION mood_text(mood) AS IMPLICIT;
CREATE DOMAIN told AS text CHECK (tell_true(VALUE));
CREATE DOMAIN told_time AS timestamptz CHECK (tell_zone(VALUE) IS NOT NULL);
CREATE DOMAIN told_number AS bigint CHECK (tell_true(VALUE::text));
CREATE TABLE nest (m mood DEFAULT 'sad', item told DEFAULT tell('default'), ts told_time DEFAULT tell_zone(now()), n told_number DEFAULT 1,
                   twice text GENERATED ALWAYS AS (tell('generated')) STORED, CHECK (tell_true('check')));
CREATE INDEX ON nest (tell('index'));
CREATE INDEX ON nest (ts) WHERE tell_true('predicate');
CREATE STATISTICS nest_s ON (tell(item)), (tell(twice)) FROM nest;
CREATE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM public.tell('trigger'); RETURN NEW; END$$;
CREATE TRIGGER on_insert BEFORE INSERT ON nest FOR EACH ROW EXECUTE FUNCTION on_insert();
CREATE POLICY p ON nest USING (tell_true('policy')) WITH CHECK (tell_true('policy'));
SELECT topk.create_rollup('nest', 'nest', 'm', 'ts', weight => 'n', filter => $$item <> ''$$, group_by => '{twice,item,m}', backfill => true);
GRANT INSERT ON nest TO life_inserter;
GRANT SELECT ON nest TO life_reader;
INSERT INTO nest DEFAULT VALUES;
SQL
expect 'code in a table and its types: an insert' 'done' 'SET ROLE life_inserter' "SELECT outcome('INSERT INTO nest DEFAULT VALUES')"
for statement in 'SELECT fold_all()' 'CALL topk.run()' "SELECT topk.backfill('nest')" "SELECT topk.refresh('nest', now() - interval '1 hour', now())" "SELECT * FROM topk.top('nest', 'day')" "SELECT * FROM topk.range('nest', now() - interval '2 hours', now())" \
    "SELECT topk.window_info('nest', 'week', group_key => '{generated,default,sad}')" 'SELECT * FROM topk.rollups, topk.groups, topk.snapshots' "SELECT topk_api.get_topk('nest')" "SELECT topk.accuracy('nest', 'day')" "SELECT topk.accuracy('nest', 'day', group_key => '{generated,default,sad}')" "SELECT topk.chart('nest', 'day')" 'SELECT topk.metrics()' 'ALTER TABLE nest ADD other integer' 'ALTER TABLE nest RENAME twice TO thrice'; do
    expect "... a superuser: ${statement:0:50}" done "SELECT outcome(\$s\$$statement\$s\$)"
done
expect '... its reader' done 'SET ROLE life_reader' "SELECT outcome('SELECT topk.accuracy(''nest'', ''day'')')"
expect '... the events are counted' '2|2' "SELECT (SELECT count FROM topk.top('nest', 'day')), (SELECT count FROM topk.top('nest', 'day', group_key => '{generated,default,sad}'))"
expect '... and it raises an error, if PostgreSQL runs it' XX999 "SELECT sqlstate_of('INSERT INTO nest DEFAULT VALUES')"

# Row-level security: counts include all rows, so users who may not see all rows may not read them
psql -d life_attacks <<'SQL' >/dev/null
SET ROLE life_victim;
CREATE TABLE tenants (item text, ts timestamptz DEFAULT now(), tenant text DEFAULT current_user);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_user);
GRANT SELECT ON tenants TO life_reader, life_bypasser;
SELECT topk.create_rollup('tenants', 'tenants', 'item', 'ts', group_by => '{tenant}');
INSERT INTO tenants VALUES ('a');
SQL
asks="SELECT sqlstate_of('SELECT * FROM topk.top(''tenants'', ''day'')'), sqlstate_of('SELECT topk_api.get_topk(''tenants'')'), (SELECT count(*) FROM topk.rollups WHERE name = 'tenants')"
expect 'row-level security: users to whom it applies' '42501|42501|0' 'SET ROLE life_reader' "$asks"
expect '... nor with row_security off' '42501|42501|0' 'SET ROLE life_reader' 'SET row_security = off' "$asks"
expect '... users to whom it does not apply' 'done|done|1' 'SET ROLE life_bypasser' "$asks"
expect '... the owner' 'done|done|1' 'SET ROLE life_victim' "$asks"
expect '... the owner, by force' 'done|done|1' 'SET ROLE life_victim' 'BEGIN' 'ALTER TABLE tenants FORCE ROW LEVEL SECURITY' "$asks"
expect '... when it is switched off' 'done|done|1' 'BEGIN' 'ALTER TABLE tenants DISABLE ROW LEVEL SECURITY' 'SET LOCAL ROLE life_reader' "$asks"

# The items table, which answers join
psql -d life_attacks <<'SQL' >/dev/null
SET ROLE life_mallory;
CREATE FUNCTION mood_json(mood) RETURNS json IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM public.tell('json'); RETURN '"json"'; END$$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE described (item text, ts timestamptz DEFAULT now());
CREATE TABLE descriptions (key text UNIQUE, m mood DEFAULT 'sad');
INSERT INTO descriptions (key) VALUES ('a'), ('sad');
SELECT topk.create_rollup('described', 'described', 'item', 'ts', metadata => 'descriptions', metadata_key => 'key');
INSERT INTO described VALUES ('sad'), ('a');
GRANT SELECT ON described, descriptions TO life_reader;
SQL
described="SELECT outcome('SELECT topk.top(''described'', ''day'')'), (SELECT string_agg(coalesce(metadata ->> 'm', '-'), ' ') FROM topk.top('described', 'day'))"
expect 'items: a cast to json' 'done|json json' "$described"
expect '... for a reader' 'done|json json' 'SET ROLE life_reader' "$described"
expect '... that would take the session along' $'2\n"$user", public' 'BEGIN' "CREATE OR REPLACE FUNCTION mood_json(mood) RETURNS json IMMUTABLE LANGUAGE plpgsql AS \$\$BEGIN PERFORM set_config('search_path', 'evil', false); RETURN '1'; END\$\$" "SELECT count(metadata) FROM topk.top('described', 'day')" 'SHOW search_path'
expect '... a key that is cast' 'done|- json' 'BEGIN' 'ALTER TABLE descriptions DROP CONSTRAINT descriptions_key_key' "DELETE FROM descriptions WHERE key = 'a'" "ALTER TABLE descriptions ALTER key TYPE mood USING 'sad'" "$described"
# Policies of the items table are code of its owner that PostgreSQL runs as the user who reads: they do not run.
psql -d life_attacks <<'SQL' >/dev/null
CREATE TABLE private (what text);
INSERT INTO private VALUES ('for life_reader alone');
GRANT SELECT ON private TO life_reader;
CREATE TABLE copied (what text);
GRANT INSERT ON copied TO PUBLIC;
SET ROLE life_mallory;
CREATE FUNCTION copy_private() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO public.copied SELECT current_user || ' read ' || what FROM public.private;
    RETURN true;
EXCEPTION WHEN insufficient_privilege THEN RETURN true;
END$$;
CREATE TABLE baited (key text UNIQUE, m text);
CREATE TABLE baited_parted (key text UNIQUE, m text) PARTITION BY LIST (key);
CREATE TABLE baited_part PARTITION OF baited_parted DEFAULT;
INSERT INTO baited VALUES ('a', 'x'), ('sad', 'y');
INSERT INTO baited_parted VALUES ('a', 'x'), ('sad', 'y');
GRANT SELECT ON baited, baited_parted, baited_part TO life_reader, life_bypasser;
GRANT SELECT ON described TO life_bypasser;
CREATE POLICY p ON baited USING (copy_private());
CREATE POLICY p ON baited_parted USING (copy_private());
CREATE POLICY p ON baited_part USING (copy_private());
ALTER TABLE baited ENABLE ROW LEVEL SECURITY;
ALTER TABLE baited_part ENABLE ROW LEVEL SECURITY;
SQL
# bait ROLE WHAT WANTED STATEMENT...: the answer of a role after the statements, and what the policy has copied for mallory
bait() {
    expect "$2" "$3" 'BEGIN' "${@:4}" "SET LOCAL ROLE $1" "$described" 'RESET ROLE' 'SELECT * FROM copied'
}
# Past the checks of topk.alter_rollup
items_of() { echo "SET LOCAL session_replication_role = replica; UPDATE topk.rollup SET metadata = '$1' WHERE name = 'described'; RESET session_replication_role"; }
bait life_reader '... policies do not run as a reader, who gets NULL' 'done|- -' "$(items_of baited)"
bait life_reader '... nor with row_security = off' 'done|- -' "$(items_of baited)" 'SET LOCAL row_security = off'
bait life_reader '... nor those of a partitioned table' 'done|- -' "$(items_of baited_parted)" 'ALTER TABLE baited_parted ENABLE ROW LEVEL SECURITY'
bait life_reader '... nor those of a partition, which do not apply' 'done|x y' "$(items_of baited_parted)"
bait life_bypasser '... users to whom no policy applies get the rows' 'done|x y' "$(items_of baited)"
bait life_mallory '... and the owner does, by force, with the rights of the owner' 'done|x y' "$(items_of baited)" 'ALTER TABLE baited FORCE ROW LEVEL SECURITY'
expect '... what the policy does in a query that the reader makes' 'life_reader read for life_reader alone' 'BEGIN' 'SET LOCAL ROLE life_reader' 'DO $$BEGIN PERFORM FROM baited; END$$' 'RESET ROLE' 'SELECT DISTINCT what FROM copied'
expect '... without SELECT' '42501' 'BEGIN' 'REVOKE SELECT ON descriptions FROM life_reader' 'SET LOCAL ROLE life_reader' "SELECT sqlstate_of('SELECT topk.top(''described'', ''day'')')"
# Before PostgreSQL 16, a rule turns an empty table without an index into a view.
expect '... a table that becomes a view, where that is possible' 'done|' 'SET ROLE life_mallory' 'CREATE TABLE view_to_be (key text, m text)' 'RESET ROLE' "SET session_replication_role = replica; UPDATE topk.rollup SET metadata = 'view_to_be' WHERE name = 'described'; RESET session_replication_role" 'SET ROLE life_mallory' \
    "DO \$\$BEGIN PERFORM outcome('CREATE RULE \"_RETURN\" AS ON SELECT TO view_to_be DO INSTEAD SELECT ''a''::text AS key, tell(''view'') AS m'); END\$\$" 'RESET ROLE' "SELECT outcome('SELECT topk.top(''described'', ''day'')'), (SELECT max(metadata ->> 'm') FROM topk.top('described', 'day'))"

# Questions through objects of others: whose rights apply
psql -d life_attacks <<'SQL' >/dev/null
GRANT CREATE ON SCHEMA public TO life_reader;
SET ROLE life_reader;
CREATE VIEW view_of_top AS SELECT * FROM topk.top('secret', 'day', now() - interval '2 days');
CREATE VIEW view_of_rollups AS SELECT * FROM topk.rollups;
CREATE MATERIALIZED VIEW kept_top AS SELECT * FROM topk.top('public.secret', 'day', now() - interval '2 days');
CREATE FUNCTION give() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$SELECT item FROM topk.top('public.secret', 'day', now() - interval '2 days')$$;
GRANT SELECT ON view_of_top, view_of_rollups, kept_top TO PUBLIC;
SET ROLE life_mallory;
CREATE FUNCTION take() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$SELECT item FROM topk.top('secret', 'day', now() - interval '2 days')$$;
CREATE MATERIALIZED VIEW stolen AS SELECT * FROM topk.top('public.secret', 'day', now() - interval '2 days') WITH NO DATA;
SQL
expect 'a view over answers asks by the rights of its reader' $'42501\n0\nconfidential' 'SET ROLE life_stranger' "SELECT sqlstate_of('SELECT * FROM view_of_top')" 'SELECT count(*) FROM view_of_rollups' 'SET ROLE life_reader' 'SELECT item FROM view_of_top'
expect 'a materialized view is its owner'"'"'s to give away' confidential 'SET ROLE life_stranger' 'SELECT item FROM kept_top'
expect '... and has no more rights than its owner, whoever refreshes it' 42501 "SELECT sqlstate_of('REFRESH MATERIALIZED VIEW stolen')"
expect 'a function that is SECURITY DEFINER' $'confidential\n42501\n42501' 'SET ROLE life_stranger' 'SELECT * FROM give()' "SELECT sqlstate_of('SELECT * FROM take()')" 'RESET ROLE' "SELECT sqlstate_of('SELECT * FROM take()')"
expect 'SET ROLE of a superuser' $'42501\n0' 'SET ROLE life_stranger' "SELECT sqlstate_of('SELECT * FROM topk.top(''secret'', ''day'')')" "SELECT count(*) FROM topk.rollups"

# Another table with the same name
expect 'a source that is dropped takes the counts with it' '42704|42704' 'BEGIN' 'DROP FOREIGN TABLE secret' 'SET ROLE life_mallory' 'CREATE TABLE secret (item text, ts timestamptz, g text)' "SELECT sqlstate_of('SELECT topk.top(''secret'', ''day'')'), sqlstate_of('SELECT topk.backfill(''secret'')')"
expect 'a source that is renamed keeps them from others of its name' '42501|42501|0' 'BEGIN' 'ALTER FOREIGN TABLE secret RENAME TO renamed' 'SET ROLE life_mallory' 'CREATE TABLE secret (item text, ts timestamptz, g text)' "SELECT sqlstate_of('SELECT topk.top(''secret'', ''day'')'), sqlstate_of('SELECT topk.backfill(''secret'')'), (SELECT count(*) FROM topk.rollups WHERE source = 'secret'::regclass)"
expect 'a source that is dropped without event triggers' $'42704|0|t|done\ndone' 'BEGIN' 'SET LOCAL session_replication_role = replica' 'DROP FOREIGN TABLE secret' 'SET LOCAL session_replication_role = origin' \
    "SELECT sqlstate_of('SELECT topk.top(''secret'', ''day'')'), (SELECT count(*) FROM topk.rollups WHERE name = 'secret'), (SELECT count(*) > 0 FROM topk.rollups), outcome('SELECT fold_all()')" "SELECT outcome('SELECT topk.drop_rollup(''secret'')')"

# Names that others take
psql -d life_attacks <<'SQL' >/dev/null
CREATE SCHEMA shop AUTHORIZATION life_victim;
GRANT USAGE ON SCHEMA shop TO life_reader;
SET ROLE life_victim;
CREATE TABLE shop.plays (item text, ts timestamptz DEFAULT now());
GRANT SELECT ON shop.plays TO life_reader;
SELECT topk.create_rollup('plays', 'shop.plays', 'item', 'ts'), topk.create_rollup('only', 'shop.plays', 'item', 'ts');
INSERT INTO shop.plays VALUES ('true');
SET ROLE life_mallory;
CREATE TABLE plays (item text, ts timestamptz DEFAULT now());
GRANT SELECT ON plays TO PUBLIC;
SELECT topk.create_rollup('plays', 'plays', 'item', 'ts');
INSERT INTO plays VALUES ('forged');
SQL
plays="SELECT item FROM topk.top('plays', 'day')"
expect 'a rollup of the same name in another schema is found where search_path has it first' $'true\nforged\ntrue' 'SET ROLE life_reader' 'SET search_path = shop, public' "$plays" 'SET search_path = public, shop' "$plays" "SELECT item FROM topk.top('shop.plays', 'day')"
expect '... also by functions that have a search_path of their own' 'true|true|true|true' 'SET ROLE life_reader' 'SET search_path = shop, public' \
    "SELECT topk_api.get_topk('plays', time_window => 'day') #>> '{top_k,0,item_id}', topk_api.get_trending('plays', time_window => 'day') #>> '{trending_items,0,item_id}', (SELECT substring(c FROM 'true|forged') FROM topk.chart('plays', 'day') AS c OFFSET 2), (SELECT CASE WHEN a.exact_events = 1 AND topk.qualified_name('plays') = 'shop.plays' THEN 'true' END FROM topk.accuracy('plays', 'day') AS a)"
expect 'a name is not taken in a schema of others' $'42602\n42501\n42501' 'SET ROLE life_mallory' "SELECT sqlstate_of('SELECT topk.create_rollup(''shop.mine'', ''plays'', ''item'', ''ts'')')" "SELECT sqlstate_of('SELECT topk.create_rollup(''mine'', ''shop.plays'', ''item'', ''ts'')')" "SELECT sqlstate_of('ALTER TABLE plays SET SCHEMA shop')"
expect '... not even when it is free for a moment' $'42501\nt' 'BEGIN' "DO \$\$BEGIN PERFORM topk.drop_rollup('shop.plays'); END\$\$" 'SET ROLE life_mallory' "SELECT sqlstate_of('SELECT topk.top(''shop.plays'', ''day'')')" "SELECT sqlstate_of('ALTER TABLE plays SET SCHEMA shop') = '42501'"
expect '... nor by a temporary table' '0A000|42704' 'SET ROLE life_mallory' 'CREATE TEMP TABLE plays (item text, ts timestamptz)' "SELECT sqlstate_of('SELECT topk.create_rollup(''p'', ''pg_temp.plays'', ''item'', ''ts'')'), sqlstate_of('SELECT topk.top(''pg_temp.plays'', ''day'')')"
expect 'a schema needs USAGE, as for a table' $'42501|42704|42501|22023|' 'SET ROLE life_stranger' 'SET search_path = shop, public' "SELECT sqlstate_of('SELECT topk.top(''shop.only'', ''day'')'), sqlstate_of('SELECT topk.top(''only'', ''day'')'), sqlstate_of('SELECT topk.qualified_name(''shop.only'')'), sqlstate_of('SELECT topk_api.get_topk(''only'')'), topk.qualified_name('only')"
expect 'an error names a rollup of another schema to those alone who may ask it' '|shop.plays' 'SET client_min_messages = error' 'CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$DECLARE hint text; BEGIN EXECUTE statement; RETURN NULL; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RETURN substring(hint FROM $r$\w+\.\w+$r$); END$$' \
    'DO $$BEGIN PERFORM topk.drop_rollup($r$public.plays$r$); END$$' 'CREATE TEMP TABLE hints (place integer, hint text)' 'GRANT INSERT ON hints TO PUBLIC' "SET ROLE life_stranger" "INSERT INTO hints VALUES (1, hint_of('SELECT topk.top(''plays'', ''day'')'))" 'SET ROLE life_reader' "INSERT INTO hints VALUES (2, hint_of('SELECT topk.top(''plays'', ''day'')'))" 'RESET ROLE' "SELECT string_agg(coalesce(hint, ''), '|' ORDER BY place) FROM hints"

# PostgreSQL looks up time zones in a directory, and text search configurations in the search_path
expect 'time zones' '22023' "SELECT DISTINCT sqlstate_of(format('SELECT topk.create_rollup(''zone'', ''secret'', ''item'', ''ts'', timezone => %L)', z)) FROM unnest(ARRAY['../../../../../etc/passwd', '/etc/localtime', '/usr/share/zoneinfo/UTC', 'Europe/../UTC', './UTC', '', ' ', repeat('x', 100000), E'UTC\\n', 'UTC; DROP TABLE evidence', '%s%n', 'right/UTC', '\"UTC\"']) AS z"
psql -d life_attacks <<'SQL' >/dev/null
CREATE TABLE texts (item text, ts timestamptz DEFAULT now());
SELECT topk.create_rollup('texts', 'texts', $$to_tsvector('english', item)::text$$, 'ts');
SET ROLE life_mallory;
CREATE TEXT SEARCH CONFIGURATION trap.english (COPY = pg_catalog.simple);
SQL
expect 'text search configurations of the same name' "'run':1=2" 'SET search_path = trap, public, pg_catalog' 'SET default_text_search_config = $$trap.english$$' "INSERT INTO texts VALUES ('running')" "INSERT INTO texts VALUES ('runs')" "SELECT counts('texts')"

# Items and groups that look like other syntax
fresh life_odd
psql -d life_odd <<'SQL' >/dev/null
CREATE TABLE odd (item text, g text, ts timestamptz DEFAULT now() - interval '2 days');
INSERT INTO odd (item, g) SELECT i, i FROM unnest(ARRAY['\! touch /tmp/life_attacks', '\.', '\copy evidence FROM STDIN', '; DROP TABLE evidence; --', ''' OR 1 = 1; --', '"; DROP TABLE evidence; --', '$$; DROP TABLE evidence; $$',
    '`touch /tmp/life_attacks`', '$(touch /tmp/life_attacks)', '%s%n%d', E'a\tb', E'a\nb\r\n\\.\n', E'\x01\x7f', '\x00ff', '{}', '{NULL}', 'NULL', '\N', '', ' ', '{"a": 1}', '"', '\', ':x', '@extschema@', 'MODULE_PATHNAME', repeat('x', 8191), U&'\202Etxt\FEFF', '= 1', '@SUM(1)']) AS i;
SELECT topk.create_rollup('odd', 'odd', 'item', 'ts', group_by => ARRAY['left(g, 100)']);
SELECT topk.backfill('odd');
SELECT fold_all();
SQL
odd="SELECT count(*), count(DISTINCT t.item), (SELECT count(*) FROM topk.groups AS g WHERE g.rollup = 'odd'), (SELECT count(DISTINCT s.item) FROM topk.snapshots AS s WHERE s.rollup = 'odd' AND window_kind = 'day' AND group_key IS NULL)
    FROM odd AS o JOIN topk.top('odd', 'day', now() - interval '2 days', 100) AS t ON t.item = o.item AND t.count = 1 JOIN topk.top('odd', 'day', now() - interval '2 days', 100, ARRAY[left(o.g, 100)]) AS u ON u.item = o.item"
check 'odd items are unchanged' '30|30|30|30' "$(sql life_odd -c "$odd")"
psql -d postgres -c 'DROP DATABASE IF EXISTS life_restored' -c 'CREATE DATABASE life_restored'
check '... a dump has no errors' '' "$("$bindir/pg_dump" -d life_odd | psql -d life_restored -o /dev/null 2>&1)"
check '... also when restored by psql' '30|30|30|30' "$(sql life_restored -c "$odd")"
check '... and have done nothing' 'no' "$([ -e /tmp/life_attacks ] && echo yes || echo no)"
psql -d postgres -c 'DROP DATABASE life_odd' -c 'DROP DATABASE life_restored'

# Bytes that only the owner of the tables can have stored: they cause an error or an answer, and nothing else
psql -d life_attacks <<'SQL' >/dev/null
CREATE FOREIGN TABLE full_stream (item text, ts timestamptz, g text) SERVER topk;
SELECT topk.create_rollup('full', 'full_stream', 'item', 'ts', group_by => '{g}', capacity => 100, k => 5, max_groups => 2);
INSERT INTO full_stream SELECT 'i' || i, now(), i % 3 FROM generate_series(1, 30000) AS i;
INSERT INTO full_stream SELECT 'i' || i, now() - interval '2 days', i % 3 FROM generate_series(1, 300) AS i;
SELECT fold_all();
INSERT INTO full_stream SELECT 'i' || i, now(), i % 3 FROM generate_series(1, 30) AS i;
SQL
damages="FROM (VALUES ('tile', 'registers', '''''::bytea'), ('tile', 'registers', 'decode(repeat(''ff'', 16384), ''hex'')'), ('tile', 'registers', '''\\x00'''), ('tile', 'registers', 'substr(registers, 1, octet_length(registers) - 1)'), ('tile', 'registers', 'set_byte(registers, 0, 255)'), ('tile', 'registers', 'NULL'),
    ('tile', 'sketch', 'NULL'), ('tile', 'sketch', 'cms_empty(10, 2)'), ('tile', 'sketch', 'cms_empty(10000, 5)'), ('tile', 'summary', 'spacesaving_empty(5)'), ('tile', 'summary', 'spacesaving_add(spacesaving_empty(100), 7::bigint)'), ('tile', 'summary', 'spacesaving_empty(1000000)'),
    ('tile', 'events', '-1'), ('tile', 'stop', 'start'), ('tile', 'level', 'CASE level WHEN 0 THEN 9 ELSE level END'), ('tile', 'finished', 'NOT finished'), ('tile', 'grp', 'CASE WHEN level = 0 AND grp = ''{1}'' THEN ''{{a,b},{c,d}}'' ELSE grp END'), ('tile', 'grp', 'CASE WHEN level = 0 AND grp = ''{1}'' THEN ''{NULL,NULL}'' ELSE grp END'),
    ('delta_0', 'items', ''''''), ('delta_0', 'items', 'decode(repeat(''ff'', 5000), ''hex'')'), ('delta_0', 'items', 'substr(items, 1, octet_length(items) / 2)'), ('delta_0', 'items', 'NULL'), ('delta_0', 'items', 'set_byte(items, 0, 255)'), ('delta_0', 'items', 'items || items'),
    ('delta_0', 'summary', 'spacesaving_add(spacesaving_empty(3), 7::bigint)'), ('delta_0', 'registers', '''\\x01'''), ('delta_0', 'sketch', 'cms_empty(10, 2)'), ('delta_0', 'scope', '''z'''), ('delta_0', 'grp', '''{{a,b},{c,d}}'''), ('delta_0', 'grp', 'NULL'), ('delta_0', 'events', '9223372036854775807'), ('delta_0', 'tile', '''infinity'''), ('delta_0', 'tile', '''-infinity'''),
    ('rollup', 'item_kind', '''b'''), ('rollup', 'capacity', '1'), ('rollup', 'width', '0'), ('rollup', 'depth', '64'), ('rollup', 'k', '2000000000'), ('expression_tree', 'source', '0'), ('expression_tree', 'trigger', '1'), ('expression_tree', 'cluster', '0'), ('rollup', 'windows', '''{hour}'''), ('rollup', 'group_by', '''{g,g}'''), ('rollup', 'timezone', '''nowhere'''), ('rollup', 'source', '0'), ('rollup', 'source', '''topk.tile'''),
    ('rollup', 'item', '''1 +'''), ('rollup', '\"time\"', '''item'''), ('rollup', '(metadata, metadata_key)', 'ROW(''topk.tile'', ''start'')'), ('rollup', '(metadata, metadata_key)', 'ROW(''evidence'', ''what'')'), ('rollup', '(metadata, metadata_key)', 'ROW(''evidence'', ''nothing'')'), ('rollup', '(metadata, metadata_key)', 'ROW(''full_stream'', ''item'')'), ('rollup', '(metadata, metadata_key)', 'ROW(0, ''item'')'),
    ('snapshot', 'entries', 'ARRAY[NULL]::topk_entry[]'), ('snapshot', 'entries', '''{}'''), ('snapshot', 'entries', 'ARRAY[ROW(NULL, NULL, NULL, NULL, NULL)]::topk_entry[]'), ('snapshot', 'entries', 'ARRAY[entries, entries]'), ('snapshot', 'weight', '0'), ('snapshot', 'window_kind', 'CASE window_kind WHEN ''hour'' THEN ''tile'' ELSE window_kind END'), ('snapshot', 'start', 'stop'),
    ('rollup_state', 'weight', '9223372036854775807'), ('log_slot', 'state', '''draining'''), ('log_slot', 'holders', '''{x,NULL,1/1:0}''')) AS v (t, c, e)"
asking="'SELECT * FROM topk.top(''full'', ''day'')', 'SELECT * FROM topk.top(''full'', ''hour'', group_key => ''{}'')', 'SELECT * FROM topk.range(''full'', now() - interval ''3 hours'', now())', 'SELECT topk.window_info(''full'', ''month'')', 'SELECT topk_api.get_topk(''full'')', 'SELECT * FROM topk.heavy_hitters(''full'', ''day'', 0.01)', 'SELECT * FROM topk.frequency(''full'', ''i7'', ''day'')', 'SELECT * FROM topk.trending(''full'', ''day'')', 'SELECT * FROM topk.history(''full'', ''day'', k => 100)', 'SELECT * FROM topk.rollups, topk.snapshots, topk.groups', 'SELECT * FROM topk.stats', 'INSERT INTO full_stream VALUES (''x'', now(), ''g'')', 'SELECT fold_all()', 'SELECT topk.maintain()', 'SELECT * FROM topk.top(''full'', ''hour'')', 'SELECT topk.drop_rollup(''full'')'"
psql -d life_attacks <<'SQL'
-- Each question for itself, and all in turn; undone at the end
CREATE FUNCTION with_damage(t text, c text, e text, questions text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        IF t = 'rollup' THEN
            ALTER TABLE topk.rollup DISABLE TRIGGER protected;
        END IF;
        EXECUTE format('UPDATE topk.%s SET %s = %s', t, c, e);
        FOR i IN 1..cardinality(questions) LOOP
            RETURN NEXT sqlstate_of(questions[i]);
        END LOOP;
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        RETURN;
    WHEN OTHERS THEN
        RETURN NEXT 'update: ' || SQLSTATE;
    END;
END$$;
SQL
check 'damaged rows: answers and errors that are meant' '' "$(sql life_attacks -c 'SET client_min_messages = error' -c "SELECT DISTINCT t, c, e, s $damages, with_damage(t, c, e, ARRAY[$asking]) AS s WHERE s !~ '^(done|22|XX001|42|54000|55000|update: 23514)'")"
check '... the server has not crashed, and nothing of it has stayed' "30030|30030" "$(sql life_attacks -c "SELECT i.events, sum((topk.window_info('full', 'day', group_key => g::text[])).events) FROM topk.window_info('full', 'day') AS i, unnest(ARRAY['{0}', '{1}', '{2}', '{}']) AS g GROUP BY 1")"

# Objects that CREATE EXTENSION could use by mistake
psql -d postgres -c 'DROP DATABASE IF EXISTS life_squat' -c 'CREATE DATABASE life_squat' && psql -d life_squat <<'SQL' >/dev/null
GRANT CREATE ON SCHEMA public TO life_mallory;
CREATE TABLE evidence (who text DEFAULT current_user, what text);
GRANT INSERT ON evidence TO PUBLIC;
SET ROLE life_mallory;
DO $$
DECLARE
    f record;
    body text := $b$BEGIN INSERT INTO public.evidence (what) VALUES ('%1$s'); RETURN NULL; END$b$;
BEGIN
    -- Better matches for what a script calls without a schema, or with an argument that is cast
    FOR f IN SELECT * FROM (VALUES ('has_table_privilege', 'oid, text'), ('has_table_privilege', 'regclass, text'), ('pg_extension_config_dump', 'text, text'), ('pg_extension_config_dump', 'unknown, unknown'), ('now', ''), ('clock_timestamp', ''),
                 ('unnest', 'anyarray'), ('format', 'text, text'), ('may_read', 'regclass'), ('isfinite', 'timestamptz'), ('to_regclass', 'text')) AS v (name, arguments) LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE FUNCTION public.%I(%s) RETURNS boolean LANGUAGE plpgsql AS %L', f.name, f.arguments, pg_catalog.format(body, f.name));
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    FOR f IN SELECT o, l, r FROM unnest('{=,<>,<,>,<=,>=,+,-,*,/,->,->>,||,~,!~,^@,<@,@>}'::text[]) AS o, unnest('{text,name,smallint,integer,bigint,numeric,"double precision",interval,pg_catalog.timestamptz,jsonb,oid,regclass,text[],"\"char\""}'::text[]) AS l, unnest('{text,name,smallint,integer,bigint,numeric,"double precision",interval,pg_catalog.timestamptz,jsonb,oid,regclass,text[],"\"char\""}'::text[]) AS r LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE FUNCTION public.op(%s, %s) RETURNS boolean LANGUAGE plpgsql AS %L', f.l, f.r, pg_catalog.format(body, 'operator'));
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN
            EXECUTE pg_catalog.format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.op)', f.o, f.l, f.r);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END$$;
CREATE DOMAIN public.timestamptz AS text;
CREATE TABLE public.rollup (id integer); CREATE TABLE public.tile (id integer); CREATE TABLE public.pg_class (id integer);
RESET ROLE;
CREATE EXTENSION pg_topk;
CREATE FOREIGN TABLE s (item_id text, ts pg_catalog.timestamptz DEFAULT pg_catalog.now(), source text) SERVER topk;
SELECT topk.create_rollup('s', 's', 'item_id', 'ts', group_by => '{source}') OPERATOR(pg_catalog.>) 0;
INSERT INTO s VALUES ('a', pg_catalog.now() OPERATOR(pg_catalog.-) interval '2 days', 'x');
CALL topk.run();
SQL
check 'objects in the way of CREATE EXTENSION are there' t "$(sql life_squat -c "SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 100 FROM pg_catalog.pg_operator WHERE oprnamespace OPERATOR(pg_catalog.=) 'public'::regnamespace")"
check '... and nothing in schemas topk and topk_api is made with them' '' "$(sql life_squat <<'SQL'
SET search_path = pg_catalog;
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) || ': ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_depend AS d
WHERE d.refobjid IN (SELECT oid FROM pg_proc WHERE proowner = 'life_mallory'::regrole UNION ALL SELECT oid FROM pg_operator WHERE oprowner = 'life_mallory'::regrole
                     UNION ALL SELECT oid FROM pg_type WHERE typowner = 'life_mallory'::regrole UNION ALL SELECT oid FROM pg_class WHERE relowner = 'life_mallory'::regrole)
  AND d.classid NOT IN ('pg_operator'::regclass, 'pg_type'::regclass) AND NOT (d.classid = 'pg_proc'::regclass AND (SELECT proowner FROM pg_proc WHERE oid = d.objid) = 'life_mallory'::regrole);
SQL
)"
for statement in "SELECT topk_api.ingest_event('s', 'a', source => 'x')" "SELECT topk_api.ingest_events('s', '[{\"item_id\": \"a\", \"timestamp\": \"2026-11-01T12:00:00Z\"}, {\"item_id\": \"b\"}]')" "SELECT topk_api.get_topk('s')" "SELECT * FROM topk.rollups, topk.groups" 'SELECT * FROM topk.snapshots' 'SELECT * FROM topk.errors' 'SELECT * FROM topk.workers' 'SELECT * FROM topk.stats' \
    "SELECT topk.top('s', 'day')" 'SELECT topk.fold(1)' 'ALTER FOREIGN TABLE s ADD x integer' "SELECT topk.drop_rollup('s')" 'DROP FOREIGN TABLE s'; do
    for path in '"$user", public' 'public, pg_catalog'; do
        check "... and are not met, under $path: ${statement:0:50}" '' "$(sql life_squat -o /dev/null -c BEGIN -c "SET LOCAL search_path = $path" -c "$statement")$(sql life_squat -c 'TABLE public.evidence')"
    done
done
psql -d postgres -c 'DROP DATABASE life_squat'

# Default privileges without EXECUTE for PUBLIC
psql -d postgres -c 'DROP DATABASE IF EXISTS life_strict' -c 'CREATE DATABASE life_strict' && psql -d life_strict <<'SQL' >/dev/null
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE EXTENSION pg_topk;
SQL
check 'without EXECUTE for PUBLIC by default the views work' '' "$(sql life_strict -c "SELECT 'TABLE ' || oid::regclass || ';' FROM pg_class WHERE relnamespace = 'topk'::regnamespace AND relkind = 'v'" | sql life_strict -c 'SET ROLE life_reader' -o /dev/null -f -)"
psql -d postgres -c 'DROP DATABASE life_strict'

expect 'standard_conforming_strings = off' 't|t' 'CREATE TEMP TABLE right_ones AS SELECT (SELECT string_agg(l, NULL) FROM regexp_split_to_table(topk.metrics(), chr(10)) AS l WHERE l ~ $$^# HELP$$) AS metrics, (SELECT string_agg(c, chr(10)) FROM topk.chart($$secret$$, $$week$$, at => now() - interval $$2 days$$) AS c) AS chart' \
    'SET standard_conforming_strings = off' "SET escape_string_warning = off" 'SELECT (SELECT string_agg(l, NULL) FROM regexp_split_to_table(topk.metrics(), chr(10)) AS l WHERE l ~ $$^# HELP$$) = metrics, (SELECT string_agg(c, chr(10)) FROM topk.chart($$secret$$, $$week$$, at => now() - interval $$2 days$$) AS c) = chart FROM right_ones'
# EXPLAIN ANALYZE counts the rows that a plan passes over: for a stranger there are none.
sql life_attacks -c "SELECT topk.set_limit('life_victim', 'secret', max_item_bytes => 1000)" >/dev/null
for view in rollups groups snapshots errors stats limits; do
    for joins in 'enable_hashjoin = off' 'enable_mergejoin = off' 'enable_nestloop = off'; do
        expect "a plan over topk.$view, $joins" 0 'SET ROLE life_stranger' "SET $joins" 'CREATE FUNCTION pg_temp.passed_over(query text) RETURNS bigint LANGUAGE plpgsql AS $$DECLARE line text; n bigint := 0; BEGIN FOR line IN EXECUTE query LOOP n := n + coalesce(substring(line FROM $r$actual rows=(\d+)$r$)::bigint, 0) + coalesce(substring(line FROM $r$Rows Removed.*: (\d+)$r$)::bigint, 0); END LOOP; RETURN n; END$$' \
            "SELECT pg_temp.passed_over('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM topk.$view')"
    done
done
expect '... and for the owner there are some' t 'SET ROLE life_victim' "SELECT count(*) > 0 FROM topk.snapshots WHERE rollup = 'secret'"
expect '... nor do the functions that views are made of return any' '0|0|0|0|0' 'SET ROLE life_stranger' "SELECT (SELECT count(*) FROM topk.readable_rollups()), (SELECT count(*) FROM topk.readable_states()), (SELECT count(*) FROM topk.readable_errors()), (SELECT count(*) FROM generate_series(1, 10) AS id, topk.readable_groups(id)), (SELECT count(*) FROM generate_series(1, 10) AS id, topk.readable_snapshots(id))"

psql -d postgres -c 'DROP DATABASE life_attacks' -c 'DROP ROLE life_mallory, life_victim, life_inserter, life_stranger, life_reader, life_bypasser'
