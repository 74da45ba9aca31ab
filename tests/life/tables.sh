# Changes of sources, and of the tables of schema topk

fresh life_tables
psql -d life_tables <<'SQL' >/dev/null
CREATE TABLE t (id serial PRIMARY KEY, item text, ts timestamptz DEFAULT now(), n integer DEFAULT 1);
CREATE FOREIGN TABLE s (item text, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('t', 't', 'item', 'ts'), topk.create_rollup('n', 't', 'n', 'ts', filter => 'item <> ''x'''), topk.create_rollup('s', 's', 'item', 'ts');
INSERT INTO t (item) VALUES ('a'), ('b');
INSERT INTO s VALUES ('a');
SQL
expect 'TRUNCATE leaves counts' 'a=1 b=1' 'TRUNCATE t' "SELECT counts('t')"
expect 'TRUNCATE, INSERT, ROLLBACK' 'a=1 b=1' 'BEGIN' "INSERT INTO t (item) VALUES ('a')" 'TRUNCATE t' 'ROLLBACK' "SELECT counts('t')"
expect 'TRUNCATE of a stream' 'ERROR:  0A000' 'TRUNCATE s'
expect 'TRUNCATE of a table and a stream' 'ERROR:  0A000' 'TRUNCATE t, s'
expect 'ANALYZE and VACUUM of a stream and of everything' $'WARNING:  01000\nWARNING:  01000\na=1' 'ANALYZE s' 'VACUUM s' 'VACUUM ANALYZE' "SELECT counts('s')"
expect 'another name and schema' 'a=1 b=1 c=1' 'CREATE SCHEMA "o'\''th er"' 'ALTER TABLE t RENAME TO "T ""x"' 'ALTER TABLE "T ""x" SET SCHEMA "o'\''th er"' \
    'INSERT INTO "o'\''th er"."T ""x" (item) VALUES ($$c$$)' "SELECT counts('\"o''th er\".t')"
expect '... recounting finds it, and takes the rows of its hour only' 1 'SET search_path = "o'\''th er"' "SELECT topk.backfill('t')"
expect '... and back' 'c=2' 'ALTER SCHEMA "o'\''th er" RENAME TO other' 'ALTER TABLE other."T ""x" RENAME TO t' 'ALTER TABLE other.t SET SCHEMA public' \
    "INSERT INTO t (item) VALUES ('c')" "SELECT counts('t')"
expect 'columns change their names, also crosswise' 'c=3|1=5' 'ALTER TABLE t RENAME item TO was' 'ALTER TABLE t RENAME n TO item' 'ALTER TABLE t RENAME was TO n' \
    "INSERT INTO t (n) VALUES ('c')" "SELECT counts('t'), counts('n')"
expect '... in one transaction with INSERTs' 'c=5|1=7' 'BEGIN; ALTER TABLE t RENAME n TO was; INSERT INTO t (was) VALUES ($$c$$); ALTER TABLE t RENAME item TO n; INSERT INTO t (was) VALUES ($$c$$); ALTER TABLE t RENAME was TO item; COMMIT' \
    "SELECT counts('t'), counts('n')"
expect '... undone' 'c=6|1=8' 'BEGIN; ALTER TABLE t RENAME item TO was; INSERT INTO t (was) VALUES ($$y$$); ROLLBACK' "INSERT INTO t (item) VALUES ('c')" "SELECT counts('t'), counts('n')"
expect 'columns come and go' 'c=7' 'ALTER TABLE t ADD more jsonb, ADD other text' 'ALTER TABLE t DROP other, DROP id' "INSERT INTO t (item) VALUES ('c')" "SELECT counts('t')"
expect 'a column that is used stays' 'ERROR:  2BP01' 'ALTER TABLE t DROP item'
expect '... or takes its rollups along with CASCADE, also that of a filter' 's|0' 'BEGIN' 'ALTER TABLE t DROP item CASCADE' \
    "SELECT (SELECT string_agg(name, ' ') FROM topk.rollup), (SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal)" 'ROLLBACK'
expect '... and they are all there after ROLLBACK' 'c=7|1=9' "SELECT counts('t'), counts('n')"
expect 'a type that fits' 'c=8|1=10' 'ALTER TABLE t ALTER n TYPE bigint, ALTER item TYPE varchar(10), ALTER ts TYPE timestamp' "INSERT INTO t (item, ts) VALUES ('c', now() AT TIME ZONE 'UTC')" "SELECT counts('t'), counts('n')"
expect 'types that do not' $'ERROR:  42804\nERROR:  42804' 'ALTER TABLE t ALTER n TYPE text' 'ALTER TABLE t ALTER ts TYPE text'
expect 'SET LOGGED, UNLOGGED' 'c=9' 'ALTER TABLE t SET UNLOGGED' "INSERT INTO t (item) VALUES ('c')" 'ALTER TABLE t SET LOGGED' "SELECT counts('t')"
expect 'DISABLE TRIGGER: not counted, until ENABLE' 'c=10' 'ALTER TABLE t DISABLE TRIGGER topk_capture' "INSERT INTO t (item) VALUES ('uncounted')" 'ALTER TABLE t ADD yet integer' "INSERT INTO t (item) VALUES ('uncounted')" \
    'ALTER TABLE t ENABLE TRIGGER ALL' "INSERT INTO t (item) VALUES ('c')" "SELECT counts('t')"
expect '... which the views say' $'f|f\nt|t' 'ALTER TABLE t DISABLE TRIGGER topk_capture' "SELECT (SELECT bool_or(capturing) FROM topk.rollups WHERE source = 't'::regclass), (SELECT bool_or(capturing) FROM topk.stats WHERE source = 't'::regclass)" \
    'ALTER TABLE t ENABLE TRIGGER topk_capture' "SELECT (SELECT bool_and(capturing) FROM topk.rollups), (SELECT bool_and(capturing) FROM topk.stats)"
expect 'DROP TRIGGER is refused, and changes nothing' $'ERROR:  2BP01\nc=11' 'DROP TRIGGER topk_capture ON t' "INSERT INTO t (item) VALUES ('c')" "SELECT counts('t')"
expect '... but a session of pg_restore --clean may, which drops the table next' $'f\n2BP01' 'BEGIN; SET LOCAL check_function_bodies = off; DROP TRIGGER topk_capture ON t' "SELECT capturing FROM topk.rollups WHERE name = 't'" 'ROLLBACK' "SELECT sqlstate_of('DROP TRIGGER topk_capture ON t')"
expect '... also in a DO block that goes on' $'2BP01|c=12' "INSERT INTO t (item) VALUES ('c')" "SELECT sqlstate_of('DROP TRIGGER topk_capture ON t'), counts('t')"
expect 'session_replication_role = replica: not counted' 'c=12' 'SET session_replication_role = replica' "INSERT INTO t (item) VALUES ('uncounted')" "SELECT counts('t')"
expect 'a renamed trigger is the same trigger' 'c=13' 'ALTER TRIGGER topk_capture ON t RENAME TO "my ""trigger"' "DO \$\$BEGIN PERFORM topk.create_rollup('third', 't', 'item', 'ts'); END\$\$" \
    "INSERT INTO t (item) VALUES ('c')" "SELECT counts('t')"
expect '... and goes with the last rollup' 0 "DO \$\$BEGIN PERFORM topk.drop_rollup('third'), topk.drop_rollup('t'), topk.drop_rollup('n'); END\$\$" "SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal"
expect 'a trigger of another function does not pass for it' 'ERROR:  42710' 'CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$' \
    'CREATE TRIGGER topk_capture AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION nothing()' "SELECT topk.create_rollup('t', 't', 'item', 'ts')"
expect 'a trigger without a rollup warns once a session, and may go' $'WARNING:  01000\n0' 'DROP TRIGGER topk_capture ON t' 'CREATE TRIGGER topk_capture AFTER INSERT ON t REFERENCING NEW TABLE AS topk_rows FOR EACH STATEMENT EXECUTE FUNCTION topk.capture()' \
    'INSERT INTO t (item) SELECT $$none$$ WHERE false' "INSERT INTO t (item) VALUES ('c')" "INSERT INTO t (item) VALUES ('c')" 'DROP TRIGGER topk_capture ON t' "SELECT count(*) FROM topk.rollup WHERE source = 't'::regclass"
expect 'a time that is sent as NULL, as postgres_fdw does for columns that are left out' $'WARNING:  01000\na=1|1' 'CREATE TABLE sent (item text, ts timestamptz DEFAULT now())' \
    "DO \$\$BEGIN PERFORM topk.create_rollup('sent', 'sent', 'item', 'coalesce(ts, now())'), topk.create_rollup('sent_null', 'sent', 'item', 'ts'); END\$\$" "INSERT INTO sent VALUES ('a', NULL)" "DO 'BEGIN PERFORM fold_all(); END'" "SELECT counts('sent') || counts('sent_null'), (SELECT rejected FROM topk.rollups WHERE name = 'sent_null')" 'DROP TABLE sent'
expect 'a table that takes the place of a source: the rollups stay with the old one, which is said' $'NOTICE:  00000\nnew=0 old=1|sent_old|t' 'CREATE TABLE sent (item text, ts timestamptz DEFAULT now())' "DO \$\$BEGIN PERFORM topk.create_rollup('sent', 'sent', 'item', 'ts'); END\$\$" 'SET client_min_messages = notice' \
    'BEGIN; ALTER TABLE sent RENAME TO sent_old; CREATE TABLE sent (LIKE sent_old INCLUDING ALL); COMMIT' "INSERT INTO sent VALUES ('new')" "INSERT INTO sent_old VALUES ('old')" "SELECT 'new=0 ' || counts('sent'), source, capturing FROM topk.rollups WHERE name = 'sent'" 'DROP TABLE sent, sent_old'
expect '... a schema or a column that is renamed is not' '' 'CREATE SCHEMA sent' 'CREATE TABLE sent.sent (item text, ts timestamptz DEFAULT now())' "DO \$\$BEGIN PERFORM topk.create_rollup('sent', 'sent.sent', 'item', 'ts'); END\$\$" 'SET client_min_messages = notice' 'ALTER TABLE sent.sent RENAME ts TO at' 'ALTER SCHEMA sent RENAME TO sent_new' 'SET client_min_messages = warning' 'DROP SCHEMA sent_new CASCADE'
expect 'an extension that moves: its tables bring their rollups, or cannot' '42710|done|a=1' 'CREATE SCHEMA moved' 'CREATE EXTENSION hstore SCHEMA moved' 'CREATE TABLE moved.member (item text, ts timestamptz DEFAULT now())' 'ALTER EXTENSION hstore ADD TABLE moved.member' "DO \$\$BEGIN PERFORM topk.create_rollup('s', 'moved.member', 'item', 'ts'); END\$\$" \
    "INSERT INTO moved.member VALUES ('a')" 'CREATE SCHEMA free' "SELECT sqlstate_of('ALTER EXTENSION hstore SET SCHEMA public'), sqlstate_of('ALTER EXTENSION hstore SET SCHEMA free'), counts('free.s')"
expect '... and it goes' 's' 'DROP EXTENSION hstore' 'DROP SCHEMA free, moved' "SELECT string_agg(name, ' ' ORDER BY name) FROM topk.rollup"
expect 'DROP TABLE takes rollups along' '0|0' 'DROP TABLE t' "SELECT (SELECT count(*) FROM topk.rollup WHERE name <> 's'), (SELECT count(*) FROM topk.delta_0 WHERE rollup NOT IN (SELECT id FROM topk.rollup))"

# A definition that waits for a transaction says so after 5 s
psql -d life_tables -c "CREATE TABLE waited (item text, ts timestamptz DEFAULT now())"
sql life_tables -c BEGIN -c "INSERT INTO waited VALUES ('a')" -c 'SELECT pg_sleep(60)' >/dev/null &
soon_is 10 'a transaction holds the table' 1 query life_tables "SELECT count(*) FROM pg_stat_activity WHERE datname = 'life_tables' AND query = 'SELECT pg_sleep(60)' AND wait_event = 'PgSleep'"
holder=$(query life_tables "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")
sql life_tables -v VERBOSITY=default -c 'SET client_min_messages = notice' -c "DO \$\$BEGIN PERFORM topk.create_rollup('waited', 'waited', 'item', 'ts'); END\$\$" >"$scratch/waited" &
soon_is 20 'create_rollup says for which process it waits' "NOTICE:  waiting for transactions that use \"waited\"
DETAIL:  Their processes: $holder." cat "$scratch/waited"
query life_tables "SELECT pg_terminate_backend($holder)" >/dev/null
soon_is 20 '... and succeeds when that has ended' 1 query life_tables "SELECT count(*) FROM topk.rollup WHERE name = 'waited'"
wait
psql -d life_tables -c 'DROP TABLE waited'

# Partitions and children
psql -d life_tables <<'SQL' >/dev/null
CREATE TABLE p (region text, item text, ts timestamptz DEFAULT now()) PARTITION BY LIST (region);
CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a');
CREATE TABLE p_b (LIKE p INCLUDING DEFAULTS);
SELECT topk.create_rollup('p', 'p', 'item', 'ts');
INSERT INTO p_b VALUES ('b', 'before');
SQL
expect 'ATTACH PARTITION: its rows of before are not counted' 'a=1 b=2' 'ALTER TABLE p ATTACH PARTITION p_b FOR VALUES IN ($$b$$)' "INSERT INTO p VALUES ('a', 'a'), ('b', 'b')" "INSERT INTO p_b VALUES ('b', 'b')" "SELECT counts('p')"
expect 'DETACH PARTITION: its counts stay, nothing is added' 'a=1 b=2|0' 'ALTER TABLE p DETACH PARTITION p_b' "INSERT INTO p_b VALUES ('b', 'detached')" "SELECT counts('p'), count(*) FROM pg_trigger WHERE tgrelid = 'p_b'::regclass"
expect '... CONCURRENTLY, and attached again' 'a=1 b=3|0' 'ALTER TABLE p ATTACH PARTITION p_b FOR VALUES IN ($$b$$)' "INSERT INTO p_b VALUES ('b', 'b')" 'ALTER TABLE p DETACH PARTITION p_b CONCURRENTLY' "INSERT INTO p_b VALUES ('b', 'detached')" \
    "SELECT counts('p'), count(*) FROM pg_trigger WHERE tgrelid = 'p_b'::regclass"
expect 'a partition that CREATE SCHEMA makes' 'a=1 b=3 c=1' "CREATE SCHEMA more CREATE TABLE p_c PARTITION OF public.p FOR VALUES IN ('c')" "INSERT INTO more.p_c VALUES ('c', 'c')" "SELECT counts('p')"
expect 'a table with a rollup does not become a partition' 'ERROR:  0A000' "DO \$\$BEGIN PERFORM topk.create_rollup('b', 'p_b', 'item', 'ts'); END\$\$" 'ALTER TABLE p ATTACH PARTITION p_b FOR VALUES IN ($$b$$)'
expect '... also of a table without' 'ERROR:  0A000' "CREATE TABLE q (LIKE p) PARTITION BY LIST (region)" 'ALTER TABLE q ATTACH PARTITION p_b FOR VALUES IN ($$b$$)'
expect '... nor by way of another partitioned table' 'ERROR:  0A000' "CREATE TABLE q_sub (LIKE p) PARTITION BY LIST (region)" 'ALTER TABLE q_sub ATTACH PARTITION p_b FOR VALUES IN ($$b$$)'
expect 'several levels attached at once' 'a=1 b=3 c=1 d=3' 'CREATE TABLE p_d (LIKE p INCLUDING DEFAULTS) PARTITION BY LIST (item)' 'CREATE TABLE p_d_1 PARTITION OF p_d DEFAULT' 'ALTER TABLE p ATTACH PARTITION p_d FOR VALUES IN ($$d$$)' \
    "INSERT INTO p VALUES ('d', 'd')" "INSERT INTO p_d VALUES ('d', 'd')" "INSERT INTO p_d_1 VALUES ('d', 'd')" "SELECT counts('p')"
expect 'a partition of which another user is the owner' 'a=2 b=3 c=1 d=3' 'CREATE ROLE life_other' 'ALTER TABLE p_a OWNER TO life_other' 'GRANT USAGE ON SCHEMA public TO life_other' 'SET ROLE life_other' "INSERT INTO p_a VALUES ('a', 'a')" 'RESET ROLE' "SELECT counts('p')"
expect 'the trigger of a partition is not dropped either' 'ERROR:  2BP01' 'DROP TRIGGER topk_capture ON more.p_c'
expect '... and one that is disabled there is said' $'f\nt' 'ALTER TABLE more.p_c DISABLE TRIGGER topk_capture' "SELECT capturing FROM topk.rollups WHERE name = 'p'" 'ALTER TABLE more.p_c ENABLE TRIGGER topk_capture' "SELECT capturing FROM topk.rollups WHERE name = 'p'"
expect 'DROP of a partition' 'a=2 b=3 c=1 d=3' 'DROP TABLE p_a' "SELECT counts('p')"
expect 'children by inheritance are tables of their own, also for backfill' 'parent=1|1' 'CREATE TABLE parent (item text, ts timestamptz DEFAULT now())' 'CREATE TABLE child () INHERITS (parent)' \
    "DO \$\$BEGIN PERFORM topk.create_rollup('parent', 'parent', 'item', 'ts'); END\$\$" "INSERT INTO parent VALUES ('parent')" "INSERT INTO child VALUES ('child')" "SELECT counts('parent'), topk.backfill('parent')"
expect '... a renamed column is renamed for both' 'parent=2' 'ALTER TABLE parent RENAME item TO thing' "INSERT INTO parent VALUES ('parent')" "SELECT counts('parent')"

# Owners
psql -d life_tables <<'SQL' >/dev/null
CREATE ROLE life_alice; CREATE ROLE life_bob;
GRANT CREATE ON SCHEMA public TO life_alice, life_bob;
SET ROLE life_alice;
CREATE TABLE owned (item text, ts timestamptz DEFAULT now());
CREATE FOREIGN TABLE owned_stream (item text, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('owned', 'owned', 'item', 'ts'), topk.create_rollup('owned_stream', 'owned_stream', 'item', 'ts');
SQL
expect 'a column is renamed without USAGE on schema topk' 'thing' 'REVOKE USAGE ON SCHEMA topk FROM PUBLIC' 'SET ROLE life_alice' 'ALTER TABLE owned RENAME item TO thing' 'RESET ROLE' 'GRANT USAGE ON SCHEMA topk TO PUBLIC' "SELECT item FROM topk.rollup WHERE name = 'owned'"
expect '... and a partition is added' 'a=1' "DO \$\$BEGIN CREATE TABLE owned_parted (item text, ts timestamptz DEFAULT now()) PARTITION BY LIST (item); ALTER TABLE owned_parted OWNER TO life_alice; PERFORM topk.create_rollup('owned_parted', 'owned_parted', 'item', 'ts'); END\$\$" \
    'REVOKE USAGE ON SCHEMA topk FROM PUBLIC' 'SET ROLE life_alice' 'CREATE TABLE owned_a PARTITION OF owned_parted DEFAULT' 'CREATE TABLE owned_b (LIKE owned_parted)' 'ALTER TABLE owned_parted ATTACH PARTITION owned_b FOR VALUES IN ($$b$$)' 'ALTER TABLE owned_parted DETACH PARTITION owned_b' \
    "INSERT INTO owned_a VALUES ('a')" 'RESET ROLE' 'GRANT USAGE ON SCHEMA topk TO PUBLIC' "SELECT counts('owned_parted')"
expect '... and goes' 0 'REVOKE USAGE ON SCHEMA topk FROM PUBLIC' 'SET ROLE life_alice' 'DROP TABLE owned_parted, owned_b' 'RESET ROLE' 'GRANT USAGE ON SCHEMA topk TO PUBLIC' "SELECT count(*) FROM topk.rollup WHERE name = 'owned_parted'"
expect '... and back' 'item' 'ALTER TABLE owned RENAME thing TO item' "SELECT item FROM topk.rollup WHERE name = 'owned'"
expect 'ALTER TABLE OWNER TO: the rollup is the new owner'"'"'s' $'ERROR:  42501\n1' 'ALTER TABLE owned OWNER TO life_bob' 'SET ROLE life_alice' "SELECT topk.backfill('owned')" 'SET ROLE life_bob' "INSERT INTO owned VALUES ('x')" "SELECT topk.backfill('owned')"
expect 'the former owner reads no longer' $'ERROR:  42501\n0' 'SET ROLE life_alice' "SELECT * FROM topk.top('owned', 'day')" "SELECT count(*) FROM topk.rollups WHERE name = 'owned'"
expect 'REASSIGN OWNED' 'x=1|y=1' 'REASSIGN OWNED BY life_alice, life_bob TO life_other' 'SET ROLE life_other' "INSERT INTO owned_stream VALUES ('y')" "SELECT counts('owned'), counts('owned_stream')"
expect 'DROP OWNED takes rollups along' 0 'DROP OWNED BY life_other' "SELECT count(*) FROM topk.rollup WHERE name ~ 'owned'"
expect 'SET SESSION AUTHORIZATION' 'z=1' 'GRANT CREATE ON SCHEMA public TO life_bob' 'SET SESSION AUTHORIZATION life_bob' 'CREATE TABLE own (item text, ts timestamptz DEFAULT now())' \
    "DO \$\$BEGIN PERFORM topk.create_rollup('own', 'own', 'item', 'ts'); END\$\$" "INSERT INTO own VALUES ('z')" "SELECT counts('own')"

# A DBA changes the tables of schema topk
psql -d life_tables <<'SQL' >/dev/null
CREATE FOREIGN TABLE big (item text, ts timestamptz DEFAULT now(), g text) SERVER topk;
SELECT topk.create_rollup('big', 'big', 'item', 'ts', group_by => '{g}');
INSERT INTO big SELECT 'i' || i % 7, now() - i * interval '1 hour', i % 3 FROM generate_series(1, 500) AS i;
SELECT fold_all();
INSERT INTO big SELECT 'i' || i % 7, now(), i % 3 FROM generate_series(1, 70) AS i;
SQL
wanted=$(sql life_tables -c "SELECT counts('big'), counts('big', '{1}')")
for command in 'VACUUM FULL topk.tile' 'VACUUM FULL topk.delta_0' 'CLUSTER topk.tile USING tile_stop' 'VACUUM FULL topk.log_slot' 'VACUUM FULL topk.rollup' 'VACUUM FULL topk.group_key' \
    'REINDEX SCHEMA topk' 'REINDEX TABLE CONCURRENTLY topk.tile' 'VACUUM (FREEZE) topk.delta_0' 'ANALYZE topk.tile' 'VACUUM FULL'; do
    expect "$command: answers" "$wanted" "$command" "SELECT counts('big'), counts('big', '{1}')"
done
expect 'VACUUM FULL, then in one session: count, fold, answer' "$(($(grep -oP '^.*?i1=\K\d+' <<<"$wanted") + 1))" \
    "INSERT INTO big VALUES ('i1')" 'VACUUM FULL topk.delta_0' 'VACUUM FULL topk.delta_1' 'VACUUM FULL topk.tile' "DO \$\$BEGIN PERFORM fold_all(); END\$\$" "SELECT substring(counts('big') FROM 'i1=(\\d+)')"
expect 'an old snapshot over VACUUM FULL' 40001 'BEGIN ISOLATION LEVEL REPEATABLE READ' 'SELECT 1 FROM pg_class WHERE false' "\\! '$bindir/psql' -X -q -d life_tables -c 'VACUUM FULL topk.delta_0'" "SELECT sqlstate_of('SELECT counts(''big'')')"
expect 'no user writes them' 42501 'SET ROLE life_bob' "SELECT DISTINCT sqlstate_of(replace(q, '@', t)) FROM (VALUES ('INSERT INTO topk.@ DEFAULT VALUES'), ('DELETE FROM topk.@'), ('TRUNCATE topk.@'), ('SELECT FROM topk.@'), ('LOCK topk.@'), ('UPDATE topk.@ SET ctid = ctid')) AS v (q),
    unnest('{rollup,log_slot,delta_0,delta_1,delta_2,delta_3,tile,group_key,snapshot,rollup_state,error_log}'::text[]) AS u (t) WHERE q !~ 'ctid'"
expect 'the views, for a user without rights' '1|0|0|0' 'SET ROLE life_bob' "SELECT (SELECT count(*) FROM topk.rollups), (SELECT count(*) FROM topk.groups), (SELECT count(*) FROM topk.snapshots), (SELECT count(*) FROM topk.errors)"
psql -d postgres -c 'DROP DATABASE life_tables' -c 'DROP ROLE life_alice, life_bob, life_other'
