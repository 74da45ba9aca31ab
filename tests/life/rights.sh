# Attacks: actions that a user has no right to, and the rights with which the code of a user runs

fresh life_rights
psql -d life_rights <<'SQL' >/dev/null
CREATE ROLE life_mallory; CREATE ROLE life_victim; CREATE ROLE life_inserter; CREATE ROLE life_reader IN ROLE topk_reader;
CREATE ROLE life_selecter; CREATE ROLE life_idle_reader NOINHERIT IN ROLE topk_reader; CREATE ROLE life_stranger IN ROLE topk_reader;
GRANT CREATE ON SCHEMA public TO life_mallory, life_victim; -- as it was by default before PostgreSQL 15
CREATE TABLE evidence (at timestamptz DEFAULT now(), who text, what text);
GRANT INSERT, SELECT ON evidence TO PUBLIC;

SET ROLE life_victim;
CREATE FOREIGN TABLE secret (item text, ts timestamptz DEFAULT now(), g text) SERVER topk;
SELECT topk.create_rollup('secret', 'secret', 'item', 'ts', group_by => '{g}');
GRANT INSERT ON secret TO life_inserter;
GRANT SELECT ON secret TO life_reader, life_selecter, life_idle_reader;
INSERT INTO secret VALUES ('confidential', now() - interval '2 days', 'x');
RESET ROLE;
SELECT fold_all();
INSERT INTO topk.error_log (rollup, sqlstate, message) SELECT id, '22003', 'confidential' FROM topk.rollup;
SQL

# A user who may insert may not read, and a user who may read may not insert
expect 'INSERT alone' 'done' 'SET ROLE life_inserter' "SELECT outcome('INSERT INTO secret VALUES (''x'')')"
reading="SELECT DISTINCT sqlstate_of(q) FROM unnest(ARRAY['SELECT * FROM topk.top(''secret'', ''day'')', 'SELECT * FROM topk.range(''secret'', now() - interval ''3 days'', now())',
    'SELECT topk.window_info(''secret'', ''day'')', 'SELECT topk.backfill(''secret'')', 'SELECT topk.refresh(''secret'', ''2020-01-01'', now())', 'SELECT topk.drop_rollup(''secret'')',
    'SELECT topk.create_rollup(''mine'', ''secret'', ''item'', ''ts'')']) AS q"
# All functions that answer for a rollup, existing or not
answering="SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'topk'::regnamespace AND prokind = 'f' AND proargtypes[0] = 'text'::regtype AND has_function_privilege('life_inserter', p.oid, 'EXECUTE')"
expect '... reads nothing, changes nothing' 42501 'SET ROLE life_inserter' "$reading"
expect 'SELECT: insert, count, change' 42501 'SET ROLE life_reader' "SELECT DISTINCT sqlstate_of(q) FROM unnest(ARRAY['INSERT INTO secret VALUES (''x'')', 'SELECT topk.drop_rollup(''secret'')', 'SELECT topk.backfill(''secret'')']) AS q"
expect '... reads' 'confidential' 'SET ROLE life_reader' "SELECT item FROM topk.top('secret', 'day', now() - interval '2 days')"
shown="SELECT (SELECT count(*) FROM topk.rollups), (SELECT count(*) FROM topk.groups), (SELECT count(*) > 0 FROM topk.snapshots), (SELECT count(*) FROM topk.errors), (SELECT count(*) FROM topk.stats) + (SELECT count(*) FROM topk.rollup_activity())"
expect '... sees the views' '1|1|t|1|2' 'SET ROLE life_reader' "$shown"
expect 'topk_reader without SELECT reads nothing' $'42501\n0|0|f|0|0' 'SET ROLE life_stranger' "$reading" "$shown"
expect 'SELECT without topk_reader reads nothing' $'42501\n0|0|f|0|0' 'SET ROLE life_selecter' "$reading" "$shown"
expect '... nor with a membership that gives no privileges' $'42501\n0|0|f|0|0' 'SET ROLE life_idle_reader' "$reading" "$shown"
expect 'the owner needs no role' $'confidential\n1|1|t|1|2' 'SET ROLE life_victim' "SELECT item FROM topk.top('secret', 'day', now() - interval '2 days')" "$shown"
expect '... and a member of the owner counts as the owner' $'confidential\n1|1|t|1|2' 'BEGIN' 'GRANT life_victim TO life_selecter' 'SET ROLE life_selecter' "SELECT item FROM topk.top('secret', 'day', now() - interval '2 days')" "$shown"
expect 'the owner needs SELECT' $'42501\n0|0|f|0|0' 'BEGIN' 'REVOKE SELECT ON secret FROM life_victim' 'SET ROLE life_victim' "SELECT sqlstate_of('SELECT * FROM topk.top(''secret'', ''day'')')" "$shown"
expect 'a prepared query asks each time' $'1\n0' 'BEGIN' 'SET LOCAL plan_cache_mode = force_generic_plan' 'PREPARE q AS SELECT count(*) FROM topk.rollups' 'SET ROLE life_reader' 'EXECUTE q' 'RESET ROLE' 'REVOKE topk_reader FROM life_reader' 'SET ROLE life_reader' 'EXECUTE q'
expect 'may_read() of a relation that is none' 'f|f' 'SET ROLE life_reader' 'SELECT topk.may_read(0::oid::regclass), topk.may_read(4294967295::oid::regclass)'
expect 'functions that answer say 42501 too' '' "SET ROLE life_inserter" "SELECT f FROM ($answering) AS a (f), LATERAL (SELECT sqlstate_of(format('SELECT topk.%s(%s)', (SELECT quote_ident(proname) FROM pg_proc WHERE oid = f),
    (SELECT string_agg(format('%L::%s', CASE WHEN i = 1 THEN 'public.secret' WHEN t = 'interval'::regtype THEN '1 day' WHEN t = 'timestamptz'::regtype THEN (now() - i * interval '1 s')::text WHEN t = 'text'::regtype THEN 'day' WHEN t = 'text[]'::regtype THEN '{x}' WHEN t = 'timestamptz[]'::regtype THEN '{2026-01-01 00:00+00}' WHEN t = 'regclass'::regtype THEN 'secret' WHEN t = 'boolean'::regtype THEN 'f' WHEN t = 'integer'::regtype THEN '10' WHEN t = 'jsonb'::regtype THEN '{}' ELSE '1' END, t::regtype), ', ' ORDER BY i)
     FROM (SELECT t, i FROM unnest((SELECT proargtypes::oid[] FROM pg_proc WHERE oid = f)) WITH ORDINALITY AS u (t, i)) AS v)))) AS o (state) WHERE state <> '42501' AND f::text !~ 'create_rollup|metrics|qualified_name|receive_stream'"

# Mallory may ask for a group of her own. She learns nothing of others: not from answers, nor from views, nor from plans over them.
psql -d life_rights <<'SQL' >/dev/null
GRANT topk_reader TO life_mallory;
SET ROLE life_victim;
SELECT topk.grant_ask('secret', 'life_mallory', '{mine}');
INSERT INTO secret VALUES ('own', now() - interval '2 days', 'mine'), ('own', now() - interval '3 days', 'mine'), ('elsewhere', now() - interval '5 days', 'x'), ('waits', now() - interval '100 minutes', 'x');
SQL
expect 'a right to ask for a group' 'own' 'SET ROLE life_mallory' "SELECT item FROM topk.top('secret', 'day', now() - interval '2 days', group_key => '{mine}')"
# All functions that answer for a group of a rollup, with their outcomes; the argument is the list of names that are not given
outcomes() { # GROUP [NAME]
    echo "SELECT f, state FROM (SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace IN ('topk'::regnamespace, 'topk_api'::regnamespace) AND prokind = 'f' AND proargnames @> '{rollup,group_key}' AND 'text[]'::regtype::oid = ANY (proargtypes) AND has_function_privilege(p.oid, 'EXECUTE')) AS a (f),
        LATERAL (SELECT sqlstate_of(format('SELECT %s(%s)', f::regproc, (SELECT string_agg(format('%I => %L', n, CASE
            WHEN n = 'rollup' THEN 'public.secret' WHEN n = 'group_key' THEN '$1' WHEN n IN ('window_kind', 'time_window') THEN 'day' WHEN n = 'role' THEN 'life_mallory' WHEN n = 'content' THEN 'summary'
            WHEN n = 'width' THEN '40' WHEN t = 'interval'::regtype THEN '1 day' WHEN t = 'timestamptz[]'::regtype THEN CASE n WHEN 'until' THEN '{2026-01-02 00:00+00}' ELSE '{2026-01-01 00:00+00}' END
            WHEN t = 'timestamptz'::regtype THEN (CASE n WHEN 'until' THEN now() ELSE now() - interval '4 days' END)::text WHEN t = 'boolean'::regtype THEN 'f' WHEN t = 'text'::regtype THEN 'own' ELSE '1' END), ', ')
        FROM unnest((SELECT proargtypes::oid[] FROM pg_proc WHERE oid = f), (SELECT proargnames FROM pg_proc WHERE oid = f)) AS u (t, n) WHERE t IS NOT NULL AND n <> '${2:-}')))) AS o (state)"
}
# The owner alone calls the first of these; the source is a stream, which has no rows to compare with
for_owners='^topk\.(grant_ask|revoke_ask|keep_history|compare_counts|accuracy|exact_counts)'
expect '... with all functions' '' 'SET ROLE life_mallory' "SELECT * FROM ($(outcomes '{mine}')) AS o WHERE state <> 'done' AND f::text !~ '$for_owners'"
expect '... which are many' t 'SET ROLE life_mallory' "SELECT count(*) >= 22 FROM ($(outcomes '{mine}')) AS o WHERE f::text !~ '$for_owners'"
for group in '{x}' '{{mine},{x}}' '{}' '{unheard of}'; do
    expect "... and none answers for $group" '' 'SET ROLE life_mallory' "SELECT * FROM ($(outcomes "$group")) AS o WHERE state <> '42501' AND NOT (f::text ~ '^topk_api|check_question' AND state IN ('22023', 'done') AND (state = '22023' OR f::text ~ 'check_question'))"
done
expect '... nor for all groups' '' 'SET ROLE life_mallory' "SELECT * FROM ($(outcomes '' group_key)) AS o WHERE state NOT IN ('42501', '42883') AND f::text !~ 'check_question'"
expect '... nor does an error tell of them' 'permission denied for group {x} of rollup "secret"|permission denied for group {"unheard of"} of rollup "secret"' 'SET ROLE life_mallory' \
    "SELECT substr(outcome('SELECT topk.top(''secret'', ''day'', group_key => ''{x}'')'), 7), substr(outcome('SELECT topk.top(''secret'', ''day'', group_key => ''{unheard of}'')'), 7)"
expect '... top_by_group has her group alone' '{mine}' 'SET ROLE life_mallory' "SELECT DISTINCT group_key FROM generate_series(0, 6) AS d, topk.top_by_group('secret', 'day', now() - d * interval '1 day')"
expect '... counted_windows has the windows of her group alone' 't|2' 'SET ROLE life_mallory' "SELECT bool_and(window_start IN (date_trunc('hour', now() - interval '2 days'), date_trunc('hour', now() - interval '3 days'))), count(*) FROM topk.counted_windows('secret', 'hour', group_key => '{mine}')"
expect '... where there are more' t 'SET ROLE life_victim' "SELECT count(*) > 2 FROM topk.counted_windows('secret', 'hour', group_key => '{mine}')"
psql -d life_rights -c 'SELECT fold_all()' >/dev/null
expect '... views show her group, and no totals' '1|{mine}|{mine}||0|0|0|life_mallory {mine}' 'SET ROLE life_mallory' "SELECT (SELECT count(*) FROM topk.rollups), (SELECT string_agg(DISTINCT group_key::text, ' ') FROM topk.groups), (SELECT string_agg(DISTINCT group_key::text, ' ') FROM topk.snapshots),
    (SELECT concat(events, total_weight, late, rejected, overflowed, folds, failures, last_fold, folding) FROM topk.rollups), (SELECT count(*) FROM topk.errors), (SELECT count(*) FROM topk.stats) + (SELECT count(*) FROM topk.rollup_activity()), (SELECT count(*) FROM topk.backfills), (SELECT string_agg(concat(role, ' ', group_key), ' ') FROM topk.askers)"
psql -d life_rights >/dev/null <<'SQL'
CREATE FUNCTION passed_over(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF) ' || query LOOP
        RETURN NEXT line;
    END LOOP;
END$$;
SQL
for view in errors stats backfills groups; do
    expect "... a plan over topk.$view passes over nothing else" t 'SET ROLE life_mallory' "SELECT coalesce(max(substring(l FROM 'actual rows=([0-9]+)')::integer), 0) + coalesce(sum(substring(l FROM 'Rows Removed.*: ([0-9]+)')::integer), 0) <= 1 FROM passed_over('SELECT * FROM topk.$view') AS l"
done
expect '... nor one over topk.snapshots' t 'SET ROLE life_mallory' "SELECT max(substring(l FROM 'actual rows=([0-9]+)')::integer) = (SELECT count(*) FROM topk.snapshots) AND bool_and(l !~ 'Rows Removed') FROM passed_over('SELECT * FROM topk.snapshots') AS l"
expect '... where there are more' t 'SET ROLE life_victim' "SELECT count(*) FILTER (WHERE group_key = '{mine}') < count(*) FROM topk.snapshots"
expect '... rights are not hers to give' '42501|42501|42501' 'SET ROLE life_mallory' "SELECT sqlstate_of('SELECT topk.grant_ask(''secret'', ''life_mallory'')'), sqlstate_of('SELECT topk.revoke_ask(''secret'', ''life_mallory'')'), sqlstate_of('INSERT INTO topk.ask_grant (rollup, role) SELECT 1, ''life_mallory''')"
expect '... a dump by her has nothing' 42501 'SET ROLE life_mallory' "SELECT sqlstate_of('SELECT FROM topk.archive')"
expect '... nor does what a dump reads' 0 'SET ROLE life_mallory' "SET client_min_messages = error" "SELECT count(*) FROM topk.archived_rows() WHERE line::text ~ 'elsewhere|confidential' OR relation = 'ask_grant'"
expect '... a prepared question asks each time' $'done\n42501' 'BEGIN' 'PREPARE q AS SELECT sqlstate_of($$SELECT topk.top($_$secret$_$, $_$day$_$, group_key => $_${mine}$_$)$$)' 'SET LOCAL ROLE life_mallory' 'EXECUTE q' 'RESET ROLE' "DO \$\$BEGIN PERFORM topk.revoke_ask('secret', 'life_mallory'); END\$\$" 'SET LOCAL ROLE life_mallory' 'EXECUTE q'
expect '... a role that does not inherit has no right of another' '42501|0' 'BEGIN' "DO \$\$BEGIN PERFORM topk.grant_ask('secret', 'life_selecter'); END\$\$" 'CREATE ROLE life_heir NOINHERIT IN ROLE life_selecter' 'GRANT topk_reader TO life_heir' 'SET LOCAL ROLE life_heir' "SELECT sqlstate_of('SELECT topk.top(''secret'', ''day'')'), (SELECT count(*) FROM topk.rollups)"
psql -d life_rights -c 'REVOKE topk_reader FROM life_mallory'

# A cheap function of a reader, which the planner would call first
psql -d life_rights <<'SQL'
SET ROLE life_mallory;
CREATE FUNCTION leak(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN INSERT INTO evidence (who, what) VALUES (current_user, $1::text); RETURN true; END$$;
SQL
expect 'views leak nothing to functions of their readers' '0' 'SET ROLE life_mallory' \
    'SELECT FROM topk.rollups WHERE leak(name) AND leak(item)' 'SELECT FROM topk.groups WHERE leak(group_key)' 'SELECT FROM topk.snapshots WHERE leak(item)' 'SELECT FROM topk.errors WHERE leak(message)' 'SELECT FROM topk.stats WHERE leak(rollup) AND leak(last_error)' 'SELECT FROM topk.limits WHERE leak(role)' \
    'SELECT count(*) FROM evidence'
expect '... each of them shows what a function returns' '' "SELECT relname FROM pg_class WHERE relnamespace = 'topk'::regnamespace AND relkind = 'v' AND pg_get_viewdef(oid) ~ '(FROM|JOIN)\\s+\\(*topk\\.\\w+\\s'"

# Mallory's code records with whose rights it runs: in a function of constants, in the domain of a literal, in operators, and for each row
psql -d life_rights -v tell="$here/tell.sql" <<'SQL' >/dev/null
SET ROLE life_mallory;
\i :tell
CREATE FUNCTION tell_int(integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT public.tell($1::text) IS NOT NULL$$;
CREATE DOMAIN teller AS integer CHECK (tell_int(VALUE));
CREATE FUNCTION tell_operator(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT public.tell($1) || $2$$;
CREATE OPERATOR ### (LEFTARG = text, RIGHTARG = text, FUNCTION = tell_operator);
CREATE TABLE trap (item text, ts timestamptz DEFAULT now(), n integer);
SELECT topk.create_rollup('trap', 'trap', $$tell(item) || tell('constant') ### 'x'$$, $$ts + tell('0 s')::interval$$, weight => $$('{1}'::teller[])[1]$$,
                          filter => $$tell('x') = 'x'$$, group_by => ARRAY[$$tell('g')$$], backfill => true);
CREATE FOREIGN TABLE trap_stream (item text, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('trap_stream', 'trap_stream', $$tell(item) || ('{1}'::teller[])::text$$, 'ts', filter => $$tell('x') = 'x'$$);
INSERT INTO trap VALUES ('a'), ('b');
INSERT INTO trap_stream VALUES ('a');
GRANT INSERT ON trap TO life_inserter;
GRANT SELECT ON trap, trap_stream TO PUBLIC;
SQL
expect 'the trap works' 'XX999' "SELECT sqlstate_of('SELECT tell(''x'')')"
expect 'an inserter needs no rights on the schema of the code' 'done' 'CREATE SCHEMA hidden AUTHORIZATION life_mallory' 'SET ROLE life_mallory' 'CREATE FUNCTION hidden.f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN upper($1); END$$' 'CREATE FOREIGN TABLE uses_hidden (item text, ts timestamptz DEFAULT now()) SERVER topk' \
    'GRANT INSERT ON uses_hidden TO life_inserter' "DO \$\$BEGIN PERFORM topk.create_rollup('uses_hidden', 'uses_hidden', 'hidden.f(item)', 'ts'); END\$\$" 'SET ROLE life_inserter' "SELECT outcome('INSERT INTO uses_hidden VALUES (''x'')')"
# Statements of a superuser, each in a new session, as sessions keep parsed expressions
expect 'EXPLAIN' done "SELECT outcome('EXPLAIN INSERT INTO trap_stream VALUES (''x'')')"
expect 'topk.fold()' done "SELECT outcome('SELECT fold_all()')"
expect 'topk.maintain()' done "SELECT outcome('SELECT topk.maintain()')"
expect 'topk.run(), with a backfill' done "SELECT outcome('CALL topk.run()')"
expect '... that was made' 'done' "SELECT backfill FROM topk.rollups WHERE name = 'trap'"
expect 'topk.backfill()' done "SELECT outcome('SELECT topk.backfill(''trap'')')"
expect 'topk.refresh()' done "SELECT outcome('SELECT topk.refresh(''trap'', now() - interval ''10 minutes'', now())')"
expect 'topk.run(), with a backfill, in a transaction block' done "UPDATE topk.rollup_state SET backfill = 'wanted' WHERE rollup = (SELECT id FROM topk.rollup WHERE name = 'trap')" "SELECT outcome('DO ''BEGIN CALL topk.run(); END''')"
expect '... that was made' done "SELECT backfill FROM topk.rollups WHERE name = 'trap'"
expect 'ALTER TABLE' done "SELECT outcome('ALTER TABLE trap ADD another integer')"
expect 'ALTER TABLE RENAME' done "SELECT outcome('ALTER TABLE trap RENAME n TO m')"
expect 'ALTER FOREIGN TABLE' done "SELECT outcome('ALTER FOREIGN TABLE trap_stream ADD another integer')"
expect 'topk.top() and the views' done "SELECT outcome('SELECT * FROM topk.top(''trap'', ''day''), topk.rollups, topk.groups, topk.snapshots, topk.errors')"
expect 'another rollup on the table' done "SELECT outcome('SELECT topk.create_rollup(''second'', ''trap'', ''item'', ''ts'')')"
expect 'topk.drop_rollup()' done "SELECT outcome('SELECT topk.drop_rollup(''second'')')"
expect 'ALTER TABLE OWNER TO' done "SELECT outcome('ALTER TABLE trap OWNER TO life_mallory')"
expect 'a restricted operation: nothing stays behind' 42501 'SET ROLE life_mallory' 'CREATE FUNCTION stay() RETURNS void LANGUAGE plpgsql AS $$BEGIN CREATE TEMP TABLE stays (); END$$' 'CREATE OR REPLACE FUNCTION tell(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM public.stay(); RETURN $1; END$$' 'RESET ROLE' "SELECT sqlstate_of('SELECT topk.backfill(''trap'')')"
expect '... not even a setting' t 'SET ROLE life_mallory' 'CREATE OR REPLACE FUNCTION tell(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM set_config($_$search_path$_$, $_$evil$_$, false); PERFORM set_config($_$role$_$, $_$postgres$_$, false); RETURN $1; END$$' 'RESET ROLE' \
    "SELECT sqlstate_of('SELECT topk.backfill(''trap'')') IN ('42501', '22023') AND current_setting('search_path') !~ 'evil'"
expect 'DROP TABLE, DROP OWNED' done "SELECT outcome('DROP TABLE trap; DROP FOREIGN TABLE trap_stream; DROP OWNED BY life_mallory CASCADE')"

# Objects that are found first: functions, operators, tables and types in the search_path and in pg_temp
psql -d life_rights <<'SQL' >/dev/null
GRANT CREATE ON SCHEMA public TO life_mallory;
CREATE SCHEMA shadow AUTHORIZATION life_mallory;
CREATE TABLE shadowed (item text, ts timestamptz DEFAULT now(), n integer);
SELECT topk.create_rollup('shadowed', 'shadowed', 'lower(item)', 'ts', weight => 'n', filter => 'n > 0', group_by => '{n}');
INSERT INTO shadowed SELECT 'A', now() - i * interval '1 hour', 1 FROM generate_series(1, 100) AS i;
SET ROLE life_mallory;
DO $$
DECLARE
    f record;
BEGIN
    -- One of each name and signature of pg_catalog that SQL of the extension may call, as far as a user can make it
    FOR f IN SELECT DISTINCT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, p.prorettype::regtype AS result, p.proargtypes
             FROM pg_proc AS p WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset
               AND proname IN ('now', 'clock_timestamp', 'format', 'jsonb_object_agg', 'has_table_privilege', 'array_eq', 'text', 'interval', 'lower',
                               'int4eq', 'textregexeq', 'date_trunc', 'least', 'total') LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION shadow.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''shadow''; END$f$', f.proname, f.arguments, f.result);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    -- and operators of the types that are compared
    FOR f IN SELECT o.oprname, o.oprleft::regtype AS l, o.oprright::regtype AS r, o.oprresult::regtype AS result FROM pg_operator AS o
             WHERE o.oprname IN ('=', '<', '<=', '>', '>=', '<>', '+', '-', '->>', '<@', '||', '~')
               AND o.oprleft IN ('text'::regtype, 'integer'::regtype, 'bigint'::regtype, 'timestamptz'::regtype, 'jsonb'::regtype, 'anyarray'::regtype, '"char"'::regtype, 'oid'::regtype) LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION shadow.op(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''shadow''; END$f$', f.l, f.r, f.result);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN
            EXECUTE format('CREATE OPERATOR shadow.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = shadow.op)', f.oprname, f.l, f.r);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END$$;
CREATE TYPE shadow.timestamptz AS (a integer);
CREATE TYPE shadow.interval AS (a integer);
CREATE DOMAIN shadow.regclass AS text;
CREATE TABLE shadow.pg_class (oid oid); CREATE TABLE shadow.pg_attribute (a integer); CREATE TABLE shadow.rollup (id integer); CREATE TABLE shadow.tile (id integer);
GRANT USAGE ON SCHEMA shadow TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA shadow TO PUBLIC;
SQL
check 'shadows are there' t "$(sql life_rights -c "SELECT count(*) > 30 FROM pg_operator WHERE oprnamespace = 'shadow'::regnamespace")"
shadows="SET search_path = shadow, public, pg_catalog"
temporary="CREATE TEMP TABLE rollup (id integer); CREATE TEMP TABLE pg_class (oid oid); CREATE TEMP TABLE pg_proc (oid oid); CREATE DOMAIN pg_temp.regclass AS text; CREATE DOMAIN pg_temp.interval AS text; CREATE TEMP TABLE tile (a integer); CREATE TEMP TABLE delta_0 (a integer)"
for statement in "SELECT topk.create_rollup('other', 'public.shadowed', 'item', 'ts')" "INSERT INTO public.shadowed VALUES ('A', pg_catalog.now(), 1)" "SELECT topk.fold(id) FROM topk.rollup" 'SELECT topk.maintain()' 'CALL topk.run()' \
    "SELECT * FROM topk.top('shadowed', 'day', pg_catalog.now(), 10, '{1}')" "SELECT * FROM topk.top('shadowed', 'month')" "SELECT topk.range('shadowed', '2024-01-01', '2027-01-01')" "SELECT topk.window_info('shadowed', 'week')" \
    "SELECT topk.backfill('shadowed')" "SELECT topk.refresh('shadowed', pg_catalog.now(), 'infinity')" 'SELECT * FROM topk.rollups' 'SELECT * FROM topk.snapshots' 'SELECT * FROM topk.groups' 'SELECT * FROM topk.errors' 'SELECT * FROM topk.stats' 'SELECT * FROM topk.limits' "SELECT topk.set_limit('pg_monitor', 'public.shadowed', max_item_bytes => 1000)" "SELECT topk.drop_limit('pg_monitor', 'public.shadowed')" \
    'ALTER TABLE public.shadowed RENAME item TO thing' 'ALTER TABLE public.shadowed RENAME thing TO item' "SELECT topk.drop_rollup('other')" 'CREATE TABLE public.dropped (i pg_catalog.text)' 'DROP TABLE public.dropped'; do
    expect "under shadows: ${statement:0:60}" done "$shadows" "$temporary" "SELECT public.outcome(\$s\$$statement\$s\$)"
done
expect 'the counts of rows that were inserted under shadows' 'a=101' "SELECT counts('shadowed')"

# Names and literals that try to end a string or an identifier
expect 'quotes in names' "x'y=1|x'y=1" "CREATE TABLE \"a'b\"\"c\\d\" (\"i't\"\"em\" text, \"t's\" timestamptz DEFAULT now(), \"\$1\" integer DEFAULT 1)" \
    "DO \$\$BEGIN PERFORM topk.create_rollup('\"r''\"\"\\; DROP TABLE evidence; --\"', '\"a''b\"\"c\\d\"', '\"i''t\"\"em\"', '\"t''s\"', weight => '\"\$1\"', filter => '\"i''t\"\"em\" <> ''it''''s''', group_by => '{\"\\\"i''t\\\"\\\"em\\\"\"}'); END\$\$" \
    "INSERT INTO \"a'b\"\"c\\d\" VALUES (\$\$x'y\$\$), (\$\$it's\$\$)" "DO \$\$BEGIN PERFORM topk.backfill(format('%I', name)), topk.fold(id) FROM topk.rollup WHERE name ~ '^r'; END\$\$" \
    "SELECT counts(format('%I', name)), counts(format('%I', name), ARRAY['x''y']) FROM topk.rollups WHERE name ~ '^r'''"
expect '... renamed, and the rollup dropped' 0 "ALTER TABLE \"a'b\"\"c\\d\" RENAME \"i't\"\"em\" TO \"');--\"" "DO \$\$BEGIN PERFORM topk.drop_rollup(format('%I', name)) FROM topk.rollup WHERE name ~ '^r'''; END\$\$" "SELECT count(*) FROM topk.rollup WHERE name ~ '^r'''"
expect 'expressions that contain more than one expression' 42601 "SELECT DISTINCT sqlstate_of(format('SELECT topk.create_rollup(''x'', ''shadowed'', %L, ''ts'')', e)) FROM unnest(ARRAY['item; DROP TABLE evidence', 'item) FROM shadowed; --', 'item, item', 'item INTO x', 'item /* ', '']) AS e"

# Functions that PUBLIC may call
expect 'no functions run with another user'"'"'s rights' '' "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'topk'::regnamespace AND prosecdef"
expect 'functions in SQL and PL/pgSQL have a search_path of their own' '' "SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang WHERE pronamespace = 'topk'::regnamespace AND lanname <> 'c' AND proname <> 'find_source' AND prosqlbody IS NULL AND NOT coalesce(proconfig @> '{\"search_path=pg_catalog, pg_temp\"}', false)"
# Support functions that everybody may call. Those of which the first argument names a rollup are among the functions that answer, above;
# those that return rows must have none for a stranger, except lines of a dump that are of no rollup. The one that is left has been
# looked at: it reads pg_trigger.
psql -d life_rights <<'SQL' >/dev/null
CREATE VIEW support AS
    SELECT p.oid::regprocedure AS f, p.proretset AS returns_rows, p.proargtypes[0] = 'text'::regtype AS of_rollup,
           format('SELECT count(*) FROM topk.%I(%s) AS r WHERE to_jsonb(r) -> ''rollup'' IS DISTINCT FROM ''null''', p.proname, CASE p.proargtypes[0] WHEN 'integer'::regtype THEN (SELECT min(id)::text FROM topk.rollup WHERE name = 'secret') END) AS query
    FROM pg_proc AS p
    WHERE pronamespace = 'topk'::regnamespace AND has_function_privilege('life_inserter', p.oid, 'EXECUTE') AND obj_description(p.oid, 'pg_proc') ~ 'support function';
CREATE FUNCTION rows_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE query INTO n;
    RETURN n;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN '42501';
END$$;
GRANT SELECT ON support TO life_stranger, life_victim;
SQL
expect 'support functions are not for everybody, but for those that show only what the caller may read' 'topk.is_capturing(regclass)' 'SELECT f FROM support WHERE NOT coalesce(returns_rows OR of_rollup, false)'
expect '... which is nothing for a stranger' '' 'SET client_min_messages = error' 'SET ROLE life_stranger' "SELECT f, rows_of(query) FROM support WHERE returns_rows AND NOT coalesce(of_rollup, false) AND rows_of(query) NOT IN ('0', '42501')"
expect '... and something for the owner' t 'SET client_min_messages = error' 'SET ROLE life_victim' "SELECT count(*) >= 5 FROM support WHERE returns_rows AND NOT coalesce(of_rollup, false) AND rows_of(query) NOT IN ('0', '42501')"
definition="SELECT pg_catalog.jsonb_set(to_jsonb(r), '{name}', '\"received\"')::text FROM topk.rollup AS r WHERE name = 'secret'"
expect '... and that of topk.sync_nodes does what its caller could do' '42501|42501|0' 'CREATE TEMP TABLE described AS '"$definition" 'GRANT SELECT ON described TO PUBLIC' 'SET ROLE life_inserter' \
    "SELECT sqlstate_of('SELECT * FROM topk.receive_stream(''public.nothing'', ''DROP FOREIGN TABLE public.secret'', ''{}'')'), sqlstate_of('SELECT * FROM topk.receive_stream(''public.secret'', ''x'', ARRAY(TABLE described))'), (SELECT count(*) FROM topk.rollups WHERE name = 'received')"
expect '... and those of topk.absorb are for owners of the sources' '42501|42501|42501|42501' 'SET ROLE life_inserter' "SELECT sqlstate_of('SELECT * FROM topk.rollups_to_move()'), sqlstate_of('SELECT topk.retire(''secret'', ''x'')'), sqlstate_of('SELECT * FROM topk.moved_tiles(''secret'', 0)'), sqlstate_of('SELECT * FROM topk.moved_lines(''secret'')')"
check 'bytes that are no items' '' "$(sql life_rights -c "SELECT DISTINCT state FROM (SELECT sqlstate_of(format('SELECT count(*) FROM topk.items(%L)', b)) FROM (SELECT decode(md5(i::text) || md5((i + 1)::text), 'hex') FROM generate_series(1, 300) AS i UNION ALL VALUES (''::bytea), ('\\x00'), (decode(repeat('ff', 100000), 'hex'))) AS v (b)) AS o (state) WHERE state !~ '^(22|XX001|done)'")"
check 'registers that are none' '' "$(sql life_rights -c "SELECT DISTINCT state FROM (SELECT sqlstate_of(format('SELECT topk.distinct_items(NULL, decode(repeat(%L, %s), ''hex''))', h, n)) FROM unnest('{00,3f,ff}'::text[]) AS h, unnest('{0,1,16383,16384,16385}'::int[]) AS n) AS o (state) WHERE state !~ '^(22|XX001|done)'")"
psql -d life_rights <<'SQL' >/dev/null
SET ROLE life_mallory;
CREATE TABLE own (item text, ts timestamptz DEFAULT now(), rollup integer, tile timestamptz, events bigint);
CREATE TRIGGER a AFTER INSERT ON own REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION topk.capture('x', 'y');
CREATE TRIGGER b AFTER UPDATE ON own REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION topk.capture();
CREATE VIEW own_view AS SELECT * FROM own;
CREATE TRIGGER a INSTEAD OF INSERT ON own_view FOR EACH ROW EXECUTE FUNCTION topk.capture();
SQL
expect 'capture() as a trigger of something else' $'WARNING:  01000\ndone|39P01|39P01' 'SET ROLE life_mallory' "SELECT outcome('INSERT INTO own (item) VALUES (''a'')'), sqlstate_of('UPDATE own SET item = ''b'''), sqlstate_of('INSERT INTO own_view (item) VALUES (''a'')')"
expect 'trigger functions of the catalog on own tables' '42501|39P01' 'CREATE TABLE fake (LIKE topk.rollup)' 'ALTER TABLE fake OWNER TO life_mallory' 'SET ROLE life_mallory' "SELECT sqlstate_of('CREATE TRIGGER a AFTER INSERT ON own EXECUTE FUNCTION topk.log_restored(''0'')'), sqlstate_of('CREATE TRIGGER c BEFORE INSERT ON fake FOR EACH ROW EXECUTE FUNCTION topk.rollup_restored(); INSERT INTO fake DEFAULT VALUES')"
expect 'functions that are no triggers here' '' "SELECT f FROM unnest('{capture,rollup_restored,log_restored,after_ddl,after_drop}'::text[]) AS f WHERE sqlstate_of(format('SELECT topk.%I()', f)) NOT IN ('0A000', '39P01', '39P03')"
expect 'the handler and the validator' '' "SELECT f FROM unnest(ARRAY['topk.fdw_handler()', 'topk.fdw_validator(NULL, 0)', 'topk.fdw_validator(''{a=b}'', 0)']) AS f WHERE sqlstate_of('SELECT ' || f) !~ '^(0A|HV|done)'"
expect 'a server of one'"'"'s own' 42501 'SET ROLE life_mallory' "SELECT sqlstate_of('CREATE SERVER x FOREIGN DATA WRAPPER topk')"
expect 'locks of others: owners alone take them' '42501|42501' 'SET ROLE life_mallory' "SELECT sqlstate_of('SELECT topk.create_rollup(''x'', ''secret'', ''item'', ''ts'')'), sqlstate_of('SELECT topk.drop_rollup(''secret'')')"
expect '... and system tables have no rollups' t "SELECT sqlstate_of('SELECT topk.create_rollup(''x'', ''pg_class'', ''relname'', ''now()'')') <> 'done'"
expect 'row level security does not keep a trigger from counting' 'a=1 hidden=1' 'CREATE TABLE rls (item text, ts timestamptz DEFAULT now())' 'ALTER TABLE rls ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY' "CREATE POLICY p ON rls USING (item <> 'hidden') WITH CHECK (true)" \
    'GRANT INSERT, SELECT ON rls TO life_inserter' "DO \$\$BEGIN PERFORM topk.create_rollup('rls', 'rls', 'item', 'ts'); END\$\$" 'SET ROLE life_inserter' "INSERT INTO rls VALUES ('a'), ('hidden')" 'RESET ROLE' "SELECT counts('rls')"
psql -d postgres -c 'DROP DATABASE life_rights' -c 'DROP ROLE life_mallory, life_victim, life_inserter, life_reader, life_selecter, life_idle_reader, life_stranger'
