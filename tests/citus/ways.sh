# Sourced by tests/citus/run: rows that are inserted or not, and other kinds of tables, on the cluster of cluster.sh.

# agrees DESCRIPTION TABLE [NODE...]: passes if the rollup that is named like its table has the counts of the rows, asked on all nodes or on some
agrees() {
    local node wanted nodes=("${@:3}")
    [ $# -gt 2 ] || nodes=("${cluster_nodes[@]}")
    wanted=$(on coordinator "SELECT item, count(*), 0 FROM $2 GROUP BY item ORDER BY item")
    for node in "${nodes[@]}"; do
        check "$1, asked on $node" "$wanted" "$(on "$node" "SELECT item, count, error FROM topk.range('$2', '-infinity', 'infinity', 100) ORDER BY item")"
    done
}
# after DESCRIPTION TABLE NODE ROWS SQL: passes if a statement on the node makes ROWS rows, and they are counted
after() {
    local before said
    before=$(on coordinator "SELECT count(*) FROM $2")
    said=$(on "$3" "$5")
    check "$1: rows" "$4" "$(($(on coordinator "SELECT count(*) FROM $2") - before)) ${said:+($said)}"
    agrees "$1" "$2" "$3"
}
# fails_with DESCRIPTION TABLE NODE ERROR SQL: passes if a statement on the node fails like this, and leaves neither rows nor counts
fails_with() {
    local before
    before=$(on coordinator "SELECT count(*) FROM $2")
    begins "$1" "ERROR:  $4" "$(on "$3" "$5")"
    check "$1: rows" "$before" "$(on coordinator "SELECT count(*) FROM $2")"
    agrees "$1" "$2" "$3"
}

# A row that is not inserted does not count, and one that is updated counts as it was inserted.
conflicts() {
    local many="INSERT INTO upserts (id, item) SELECT n, 'many' FROM generate_series(1, 40) n" update='ON CONFLICT (id) DO UPDATE SET hits = upserts.hits + 1'
    on coordinator "CREATE TABLE upserts (id bigint PRIMARY KEY, at timestamptz DEFAULT now(), item text, hits int DEFAULT 0);
        SELECT create_distributed_table('upserts', 'id', colocate_with => 'plays'); SELECT topk.create_rollup('upserts', 'upserts', 'item', 'at')" >/dev/null
    after 'a new row' upserts coordinator '1 ' "INSERT INTO upserts (id, item) VALUES (1, 'one') ON CONFLICT DO NOTHING"
    after 'the same row' upserts coordinator '0 ' "INSERT INTO upserts (id, item) VALUES (1, 'again') ON CONFLICT DO NOTHING"
    after '... from a worker' upserts worker1 '0 ' "INSERT INTO upserts (id, item) VALUES (1, 'again') $update"
    after 'rows of which one is new' upserts coordinator '1 ' "INSERT INTO upserts (id, item) VALUES (1, 'again'), (2, 'new') ON CONFLICT DO NOTHING"
    after '... from a worker' upserts worker2 '1 ' "INSERT INTO upserts (id, item) VALUES (1, 'again'), (3, 'new') $update"
    after 'rows of a query' upserts coordinator '37 ' "$many ON CONFLICT DO NOTHING"
    after '... from a worker' upserts worker1 '0 ' "$many $update"
    after 'rows that shards have' upserts coordinator '20 ' "INSERT INTO upserts (id, item) SELECT id, item FROM raw ON CONFLICT DO NOTHING"
    after '... from a worker' upserts worker2 '0 ' "INSERT INTO upserts (id, item) SELECT id, item FROM raw $update"
    after 'rows that go to other shards' upserts worker1 '40 ' "INSERT INTO upserts (id, item) SELECT id + 40, item FROM other $update"
    after 'rows that come over the coordinator' upserts coordinator '5 ' "INSERT INTO upserts (id, item) SELECT id + 95, item FROM other ORDER BY id LIMIT 10 ON CONFLICT DO NOTHING"
    after 'a row that is returned' upserts coordinator '1 ' "WITH new AS (INSERT INTO upserts (id, item) VALUES (1, 'again'), (1000, 'returned') ON CONFLICT DO NOTHING RETURNING id)
        INSERT INTO raw SELECT id, 'returned' FROM new WHERE false"
    after 'a savepoint after a conflict' upserts coordinator '1 ' "DO \$\$ BEGIN
            BEGIN INSERT INTO upserts (id, item) VALUES (1001, 'undone'), (1, 'undone'); EXCEPTION WHEN unique_violation THEN NULL; END;
            INSERT INTO upserts (id, item) VALUES (1001, 'kept');
        END \$\$"
    fails_with 'a conflict on one of the shards' upserts coordinator 'duplicate key value' "INSERT INTO upserts (id, item) SELECT n, 'undone' FROM generate_series(2000, 2050) n UNION ALL SELECT 1, 'undone'"
    fails_with '... from a worker' upserts worker1 'duplicate key value' "INSERT INTO upserts (id, item) SELECT n, 'undone' FROM generate_series(2000, 2050) n UNION ALL SELECT 1, 'undone'"
    begins 'COPY with a conflict' 'ERROR:  duplicate key value' "$({ printf '%s\tundone\n' {3000..3020}; printf '1\tundone\n'; } |
        PGHOST=$scratch/coordinator psql -d postgres -c 'COPY upserts (id, item) FROM STDIN' 2>&1)"
    agrees '... has copied nothing' upserts
}

merges() {
    local when="WHEN MATCHED THEN UPDATE SET hits = t.hits + 1 WHEN NOT MATCHED THEN INSERT (id, item, at) VALUES (s.id, 'merged ' || s.item, '$(date -u +%F)')"
    after 'MERGE from shards of the same place' upserts coordinator '0 ' "MERGE INTO upserts t USING raw s ON t.id = s.id $when"
    on coordinator "INSERT INTO raw SELECT n, 'raw' || n % 3 FROM generate_series(4000, 4030) n" >/dev/null
    after '... with new rows' upserts coordinator '31 ' "MERGE INTO upserts t USING raw s ON t.id = s.id $when"
    after 'MERGE from other shards' upserts coordinator '60 ' "MERGE INTO upserts t USING (SELECT id + 5000 AS id, item FROM other) s ON t.id = s.id $when"
    after '... from a worker' upserts worker1 '0 ' "MERGE INTO upserts t USING (SELECT id + 5000 AS id, item FROM other) s ON t.id = s.id $when"
    after '... that does nothing' upserts coordinator '0 ' "MERGE INTO upserts t USING raw s ON t.id = s.id WHEN MATCHED THEN DO NOTHING"
}

# Transactions that are prepared by the user, and those of Citus that a crash has left
prepared() {
    fails_with 'a prepared transaction of several nodes' upserts coordinator 'cannot use 2PC in transactions involving multiple servers' \
        "BEGIN; INSERT INTO upserts (id, item) SELECT n, 'prepared' FROM generate_series(6000, 6050) n; PREPARE TRANSACTION 'several'"
    (for ((i = 0; i < 400; ++i)); do
        [ ! -e "$scratch/crashed" ] || break
        on coordinator "INSERT INTO upserts (id, item) SELECT n, 'load' FROM generate_series($((7000 + i * 10)), $((7009 + i * 10))) n"
    done) >"$scratch/load" 2>&1 &
    local load=$!
    sleep 1
    stop_server worker1 immediate
    launch_server worker1
    sleep 1
    touch "$scratch/crashed"
    wait "$load"
    on coordinator 'SELECT recover_prepared_transactions()' >/dev/null
    check 'a worker crashes under load' 0 "$(on worker1 'SELECT count(*) FROM pg_prepared_xacts')"
    check '... and rows came in' t "$(on coordinator "SELECT count(*) > 20 FROM upserts WHERE item = 'load'")"
    agrees '... and each row counts' upserts
}

# Tables that are distributed in other ways, that have other names, or that need others
kinds() {
    local rows="SELECT n, now(), 'a' || n % 3 FROM generate_series(1, 30) n" node shape='(id bigint, at timestamptz DEFAULT now(), item text)'
    on coordinator "CREATE TABLE alone $shape; SELECT create_distributed_table('alone', NULL); SELECT topk.create_rollup('alone', 'alone', 'item', 'at');
        CREATE TABLE stripes $shape USING columnar; SELECT create_distributed_table('stripes', 'id'); SELECT topk.create_rollup('stripes', 'stripes', 'item', 'at')" >/dev/null
    on coordinator "SET citus.enable_schema_based_sharding = on; CREATE SCHEMA tenant; CREATE TABLE tenant.visits $shape; SELECT topk.create_rollup('visits', 'tenant.visits', 'item', 'at')" >/dev/null
    for node in coordinator worker1; do
        after "a table of one shard, on $node" alone "$node" '30 ' "INSERT INTO alone $rows"
        after "a columnar table, on $node" stripes "$node" '30 ' "INSERT INTO stripes $rows"
        after "a schema with a node of its own, on $node" tenant.visits "$node" '30 ' "INSERT INTO tenant.visits $rows"
    done
    check 'the schema moves' '' "$(on coordinator "SET client_min_messages = error; SELECT citus_schema_move('tenant', nodename, nodeport, 'block_writes') FROM pg_dist_node
        WHERE noderole = 'primary' AND shouldhaveshards AND nodename <> (SELECT nodename FROM citus_shards WHERE table_name = 'tenant.visits'::regclass) LIMIT 1")"
    after '... and goes on' tenant.visits worker2 '30 ' "INSERT INTO tenant.visits $rows"
    refused 'a schema that is distributed no more' 'cannot make another table of "visits"' "SET client_min_messages = error; SELECT citus_schema_undistribute('tenant')"

    on coordinator "CREATE TABLE \"Odd Name_102008\" $shape; SELECT create_distributed_table('\"Odd Name_102008\"', 'id'); SELECT topk.create_rollup('\"Odd Name_102008\"', '\"Odd Name_102008\"', 'item', 'at')" >/dev/null
    after 'a name in quotes' '"Odd Name_102008"' worker1 '30 ' "INSERT INTO \"Odd Name_102008\" $rows"
    on coordinator "SET client_min_messages = error; ALTER TABLE \"Odd Name_102008\" RENAME TO named; SELECT topk.alter_rollup('\"Odd Name_102008\"', rename_to => 'named')"
    after 'a new name' named worker2 '30 ' "INSERT INTO named $rows"
    on coordinator 'CREATE SCHEMA elsewhere; ALTER TABLE named SET SCHEMA elsewhere'
    after 'another schema' elsewhere.named worker1 '30 ' "INSERT INTO elsewhere.named $rows"
    local long=a_table_whose_name_is_so_long_that_shards_have_a_hash_in_theirs
    on coordinator "CREATE TABLE $long $shape; SELECT create_distributed_table('$long', 'id'); SELECT topk.create_rollup('$long', '$long', 'item', 'at')" >/dev/null
    after 'a long name' $long worker2 '30 ' "INSERT INTO $long $rows"

    local make="CREATE TABLE young $shape; SELECT create_distributed_table('young', 'id'); SELECT topk.create_rollup('young', 'young', 'item', 'at')"
    begins 'a transaction that makes the table, the rollup and rows' 'ERROR:  the rows of shard "young_' "$(on coordinator "SET client_min_messages = error; $parallel BEGIN; $make; INSERT INTO young $rows; COMMIT" | sed 's/.*ERROR:/ERROR:/')"
    on coordinator "BEGIN; SET LOCAL citus.multi_shard_modify_mode = 'sequential'; $make; INSERT INTO young $rows; COMMIT" >/dev/null
    after '... one step after the other' young worker1 '30 ' "INSERT INTO young $rows"
    on coordinator 'DROP TABLE young'

    # A table that has rollups does not become one of Citus, in whichever way.
    on coordinator "CREATE TABLE keys (id bigint PRIMARY KEY); SELECT create_reference_table('keys'); INSERT INTO keys SELECT generate_series(1, 100);
        CREATE TABLE local (id bigint, at timestamptz DEFAULT now(), item text); SELECT topk.create_rollup('local', 'local', 'item', 'at'); INSERT INTO local $rows" >/dev/null
    for call in "citus_add_local_table_to_metadata('local')" "create_distributed_table_concurrently('local', 'id')" "create_distributed_table('local', 'id')"; do
        begins "$call of a table with a rollup" 'ERROR:  ' "$(on coordinator "SET client_min_messages = error; SET citus.enable_unsafe_triggers = on; SELECT $call")"
    done
    refused 'a foreign key to a reference table' 'cannot drop the trigger because rollup "local" uses it DETAIL:  When adding a foreign key' \
        'SET client_min_messages = error; ALTER TABLE local ADD FOREIGN KEY (id) REFERENCES keys'
    check '... which leaves the table local' '' "$(on coordinator 'SET citus.enable_local_reference_table_foreign_keys = off; ALTER TABLE local ADD CONSTRAINT known FOREIGN KEY (id) REFERENCES keys')"
    on coordinator 'ALTER TABLE local DROP CONSTRAINT known'
    on coordinator "INSERT INTO local $rows"
    check '... and the table counts as before' 'a0|20 a1|20 a2|20' "$(on coordinator "SELECT item, count FROM topk.range('local', '-infinity', 'infinity') ORDER BY item")"
    check 'a distributed table may have one' '' "$(on coordinator 'ALTER TABLE elsewhere.named ADD CONSTRAINT known FOREIGN KEY (id) REFERENCES keys')"
    after '... and counts' elsewhere.named worker1 '30 ' "INSERT INTO elsewhere.named $rows"
    fails_with '... what the other table knows' elsewhere.named worker1 'insert or update on table' "INSERT INTO elsewhere.named SELECT n, now(), 'unknown' FROM generate_series(90, 110) n"
    check '... and its end' '' "$(on coordinator 'ALTER TABLE elsewhere.named DROP CONSTRAINT known; DROP TABLE keys')"
    after '... leaves the counts' elsewhere.named worker2 '30 ' "INSERT INTO elsewhere.named $rows"

    # A partition with rows comes: they are older than the rollup's interest in it.
    on coordinator "CREATE TABLE years (id bigint, at timestamptz, item text) PARTITION BY RANGE (at); SELECT create_distributed_table('years', 'id', colocate_with => 'none');
        SELECT topk.create_rollup('years', 'years', 'item', 'at', accept_past => '20 years', retention => '{\"day\": \"20 years\"}');
        CREATE TABLE year_2024 (id bigint, at timestamptz, item text); INSERT INTO year_2024 SELECT n, '2024-05-05', 'before' FROM generate_series(1, 20) n" >/dev/null
    check 'a table with rows becomes a partition' '' "$(on coordinator "SET client_min_messages = error; ALTER TABLE years ATTACH PARTITION year_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')")"
    on worker1 "INSERT INTO years SELECT n, '2024-05-05', 'after' FROM generate_series(1, 20) n"
    on coordinator "INSERT INTO year_2024 SELECT n, '2024-05-05', 'after' FROM generate_series(1, 20) n"
    for node in "${cluster_nodes[@]}"; do
        check "... and its later rows count, asked on $node" '60|after|40' "$(on "$node" "SELECT (SELECT count(*) FROM years), item, count FROM topk.range('years', '-infinity', 'infinity')")"
    done
}

# What an expression uses cannot be dropped, and may get another name.
needs() {
    local node
    on coordinator "CREATE FUNCTION canonical(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN lower(\$1); CREATE TYPE color AS ENUM ('red', 'blue');
        CREATE TABLE painted (id bigint, at timestamptz DEFAULT now(), item text, c color); SELECT create_distributed_table('painted', 'id');
        SELECT topk.create_rollup('painted', 'painted', 'canonical(item)', 'at', filter => \$\$c = 'red'\$\$); SELECT topk.create_rollup('by_id', 'painted', 'id', 'at')" >/dev/null
    refused 'a function that an expression uses' 'cannot drop function canonical(text) because other objects depend on it' 'DROP FUNCTION canonical'
    for node in "${cluster_nodes[@]}"; do
        check "the trigger needs it, on $node" topk_capture "$(on "$node" "SELECT tgname FROM pg_depend JOIN pg_trigger t ON (classid, objid) = ('pg_trigger'::regclass, t.oid) WHERE refobjid = 'canonical'::regproc")"
    done
    refused '... with all that uses it' 'cannot drop the capture trigger of "painted" because rollup "' 'SET client_min_messages = error; DROP FUNCTION canonical CASCADE'
    refused 'a type' 'cannot drop type color because other objects depend on it' 'DROP TYPE color'
    on coordinator "SELECT topk.drop_rollup('by_id'); SELECT topk.alter_rollup('painted', k => 9)" >/dev/null
    refused '... when the rollups have changed' 'cannot drop function canonical(text) because other objects depend on it' 'DROP FUNCTION canonical'
    on coordinator "ALTER FUNCTION canonical RENAME TO folded; ALTER TYPE color RENAME VALUE 'red' TO 'crimson'"
    for node in "${cluster_nodes[@]}"; do
        check "the function gets another name, on $node" "public.folded(item)|(c = 'crimson'::public.color)" "$(on "$node" "SELECT item, filter FROM topk.rollups WHERE name = 'painted'")"
    done
    on worker1 "INSERT INTO painted (id, item, c) SELECT n, 'PAINT', CASE WHEN n % 3 = 0 THEN 'blue' ELSE 'crimson' END::color FROM generate_series(1, 30) n"
    for node in "${cluster_nodes[@]}"; do
        check "... and counts, asked on $node" 'paint|20' "$(on "$node" "SELECT item, count FROM topk.range('painted', '-infinity', 'infinity')")"
    done
    refused '... and is needed' 'cannot drop function folded(text) because other objects depend on it' 'DROP FUNCTION folded'
    check 'when the rollup is gone, it may go' '' "$(on coordinator "SELECT topk.drop_rollup('painted'); DROP FUNCTION folded")"
    check '... and so may the table' '' "$(on coordinator 'DROP TABLE painted; DROP TYPE color')"
}

orphans='SELECT count(*) FROM (SELECT rollup FROM topk.tile UNION ALL SELECT rollup FROM topk.delta_0 UNION ALL SELECT rollup FROM topk.delta_1
    UNION ALL SELECT rollup FROM topk.delta_2 UNION ALL SELECT rollup FROM topk.delta_3) AS t WHERE rollup NOT IN (SELECT id FROM topk.rollup)'
# left_of NAME: how many rollups of that name each node has
left_of() { on_all "SELECT count(*) FROM topk.rollup WHERE name = '$1'"; }

# A table is dropped: no node keeps its counts.
drops() {
    local shape='(id bigint, at timestamptz DEFAULT now(), item text)' rows="SELECT n, now(), 'x' FROM generate_series(1, 30) n" make
    make="CREATE TABLE brief $shape; SELECT create_distributed_table('brief', 'id'); SELECT topk.create_rollup('brief', 'brief', 'item', 'at'); INSERT INTO brief $rows"
    on coordinator "$make" >/dev/null
    on coordinator 'BEGIN; DROP TABLE brief; ROLLBACK'
    after 'a DROP that is rolled back' brief coordinator '30 ' "INSERT INTO brief $rows"
    on coordinator 'CREATE VIEW seen AS SELECT * FROM brief'
    refused 'a DROP that fails' 'cannot drop table brief because other objects depend on it' 'DROP TABLE brief'
    after '... leaves the counts' brief worker1 '30 ' "INSERT INTO brief $rows"
    on coordinator 'SET client_min_messages = error; DROP TABLE brief CASCADE'
    check 'DROP TABLE' '000' "$(left_of brief)"
    on coordinator "$make; CREATE SCHEMA doomed; ALTER TABLE brief SET SCHEMA doomed" >/dev/null
    fails_with 'DROP in a transaction that has inserted' doomed.brief coordinator 'canceling the transaction since it was involved in a distributed deadlock' \
        "$parallel BEGIN; INSERT INTO doomed.brief $rows; DROP TABLE doomed.brief; COMMIT"
    check 'DROP SCHEMA' '' "$(on coordinator 'SET client_min_messages = error; DROP SCHEMA doomed CASCADE')"
    check '... leaves nothing' '000' "$(left_of brief)"
    on coordinator 'CREATE ROLE stranger LOGIN'
    on coordinator "$make" >/dev/null
    local load
    (until on worker1 "INSERT INTO brief $rows" | grep -q 'does not exist'; do :; done) &
    load=$!
    sleep 0.5
    check 'DROP while rows come in' '' "$(on coordinator "SET lock_timeout = '20s'; DROP TABLE brief")"
    wait "$load"
    check '... leaves nothing' '000' "$(left_of brief)"
    check '... and no counts of no rollup' '000' "$(on_all "$orphans")"
    PGUSER=app on coordinator "$make" >/dev/null
    check 'somebody else has no say' '111' "$(PGUSER=stranger on coordinator 'DROP TABLE brief' >/dev/null; left_of brief)"
    check 'DROP OWNED' '' "$(on coordinator 'SET client_min_messages = error; DROP OWNED BY app')"
    check '... leaves nothing' '000' "$(left_of brief)"
}

# The coordinator has shards itself, and reaches them by a connection to itself.
at_home() {
    local shape='(id bigint, at timestamptz DEFAULT now(), item text)' rows="SELECT n, now(), 'x' FROM generate_series(1, 40) n" make node
    make="CREATE TABLE home $shape; SELECT create_distributed_table('home', 'id', shard_count => 8); SELECT topk.create_rollup('home', 'home', 'item', 'at')"
    succeeds_on 'a rollup of shards on the coordinator' "$(on coordinator "$make")"
    for node in coordinator worker1; do
        after "its rows, from $node" home "$node" '40 ' "INSERT INTO home $rows"
        after "one of them, from $node" home "$node" '1 ' "INSERT INTO home VALUES (7, now(), 'one')"
    done
    on coordinator "SELECT topk.alter_rollup('home', k => 7); SELECT topk.create_rollup('other', 'home', 'id', 'at')" >/dev/null
    after 'rows when the rollups have changed' home worker2 '40 ' "INSERT INTO home $rows"
    check 'the table is dropped' '' "$(on coordinator 'DROP TABLE home')"
    check '... and its rollups' '0000' "$(left_of home)"
    on coordinator "BEGIN; $make; COMMIT" >/dev/null
    after 'rows after a transaction that makes the table and the rollup' home worker3 '40 ' "INSERT INTO home $rows"
    check '... are dropped' '' "$(on coordinator "SELECT topk.drop_rollup('home'); DROP TABLE home")"
    on coordinator "CREATE SCHEMA doomed; ${make//home/doomed.home}" >/dev/null
    check 'a schema is dropped' '' "$(on coordinator 'SET client_min_messages = error; DROP SCHEMA doomed CASCADE')"
    check '... whose counts stay on other nodes until retention' '0111' "$(left_of home)"
}

# The rights to ask are those of the coordinator on all nodes.
rights() {
    local ask="SELECT item, count FROM topk.range('asked', '-infinity', 'infinity')"
    on coordinator 'CREATE ROLE asker LOGIN IN ROLE topk_reader; CREATE ROLE late LOGIN IN ROLE topk_reader' >/dev/null
    on_all 'GRANT topk_reader TO asker, late' >/dev/null
    on coordinator "CREATE TABLE asked (id bigint, at timestamptz DEFAULT now(), item text); SELECT create_distributed_table('asked', 'id');
        SELECT topk.create_rollup('asked', 'asked', 'item', 'at', group_by => '{id % 2}'); INSERT INTO asked SELECT n, now(), 'x' FROM generate_series(1, 30) n" >/dev/null
    begins 'a role without rights' 'ERROR:  permission denied for table asked' "$(PGUSER=asker on worker1 "$ask")"
    begins 'rights come from the coordinator' 'ERROR:  cannot change rollup "asked" of a distributed table on this node' "$(on worker1 "SELECT topk.grant_ask('asked', 'asker')")"
    on coordinator "SELECT topk.grant_ask('asked', 'asker'); SELECT topk.grant_ask('asked', 'late', '{1}')" >/dev/null
    for node in "${cluster_nodes[@]}"; do
        check "it may ask, on $node" 'x|30' "$(PGUSER=asker on "$node" "$ask")"
        check "... and another for a group, on $node" 'x|15' "$(PGUSER=late on "$node" "SELECT item, count FROM topk.range('asked', '-infinity', 'infinity', group_key => '{1}')")"
        begins "... alone, on $node" 'ERROR:  permission denied for all groups' "$(PGUSER=late on "$node" "$ask")"
    done
    on coordinator "SELECT topk.revoke_ask('asked', 'asker')" >/dev/null
    for node in "${cluster_nodes[@]}"; do
        begins "it may ask no more, on $node" 'ERROR:  permission denied for table asked' "$(PGUSER=asker on "$node" "$ask")"
        check "... the other one may, on $node" 'x|15' "$(PGUSER=late on "$node" "SELECT item, count FROM topk.range('asked', '-infinity', 'infinity', group_key => '{1}')")"
    done
    on coordinator 'DROP TABLE asked'
}

# Every answer function answers alike on all nodes.
answers() {
    local node question wanted
    on coordinator "INSERT INTO plays (id, item, at) SELECT n, 'earlier', now() - interval '2 hours' FROM generate_series(1, 20) n"
    for question in "topk.top('plays', 'day', k => 100)" "topk.last('plays', '40 days', k => 100)" "topk.heavy_hitters('plays', 'day', 0.01)" "topk.frequency('plays', 'multi', 'day')" \
        "topk.trending('plays', 'day')" "topk.series('plays', 'multi', 'day', now() - interval '3 days')" "topk.leaderboard('plays', 'day')" \
        "topk.history('plays', 'hour', since => now() - interval '3 hours')" "topk.chart('plays', 'day')" "topk.summary('plays', 'day')" \
        "topk.sketch('plays', 'day')" "(SELECT topk_api.get_topk('plays', 10, 'day')->'top_k')"; do
        wanted=$(on coordinator "SELECT * FROM $question AS x")
        succeeds_on "$question" "$wanted"
        for node in worker1 worker2; do
            check "$question, asked on $node" "$wanted" "$(on "$node" "SELECT * FROM $question AS x")"
        done
    done
    check 'who has answered' '3|{}|t' "$(on worker1 "SELECT nodes, missing_nodes, complete FROM topk.window_info('plays', 'day')")"
    check 'topk.hot, asked on a worker' "$(on coordinator "SELECT item FROM topk.hot('plays', '10 years', k => 100) ORDER BY 1")" \
        "$(on worker1 "SELECT item FROM topk.hot('plays', '10 years', k => 100) ORDER BY 1")"
    stop_server worker2
    begins 'a node that is down is named' "ERROR:  node \"$scratch/worker2:5432\" cannot be reached" "$(on worker1 "$counted")"
    check '... or left out' "2|{$scratch/worker2:5432}|f" "$(PGOPTIONS='-c pg_topk.allow_partial=on -c client_min_messages=error' on worker1 "SELECT nodes, missing_nodes, complete FROM topk.window_info('plays', 'day')")"
    launch_server worker2
    counts_all 'the node is back'
}
