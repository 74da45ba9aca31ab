# Sourced by tests/citus/run: rollups of distributed tables, on the cluster of cluster.sh.

# The counts of a rollup, and of the rows of its table
counted="SELECT item, count, error FROM topk.range('plays', '-infinity', 'infinity', 100) ORDER BY item"
stored="SELECT item, sum(w), 0 FROM plays GROUP BY item ORDER BY item"
# counts_all DESCRIPTION: passes if all nodes answer with the counts of all rows
counts_all() {
    local node wanted
    wanted=$(on coordinator "$stored")
    for node in "${cluster_nodes[@]}"; do
        check "$1, asked on $node" "$wanted" "$(on "$node" "$counted")"
    done
}
# refused DESCRIPTION ERROR SQL: passes if the coordinator refuses a statement with an error that begins like this
refused() { begins "$1" "ERROR:  $2" "$(on coordinator "$3")"; }
# succeeds_on DESCRIPTION GOT: passes if a statement returned something that is no error
succeeds_on() { case $2 in '' | *ERROR*) fail "$1: got '$2'" ;; *) pass "$1" ;; esac; }
shards_on() { on coordinator "SELECT string_agg(shardid::text, ' ' ORDER BY shardid) FROM citus_shards WHERE table_name = 'plays'::regclass AND nodename = '$scratch/$1'"; }

definitions() {
    local node
    on coordinator "CREATE TABLE plays (id bigint, gone text, at timestamptz DEFAULT now(), item text, w bigint DEFAULT 1);
        SELECT create_distributed_table('plays', 'id', shard_count => 6); ALTER TABLE plays DROP COLUMN gone;
        CREATE TABLE raw (id bigint, item text); SELECT create_distributed_table('raw', 'id', colocate_with => 'plays');
        CREATE TABLE other (key text, id bigint, item text); SELECT create_distributed_table('other', 'key', shard_count => 4);
        INSERT INTO raw SELECT n, 'raw' || n % 3 FROM generate_series(1, 60) n; INSERT INTO other SELECT n, n, 'other' || n % 3 FROM generate_series(1, 60) n" >/dev/null
    on coordinator "BEGIN; SELECT topk.create_rollup('plays', 'plays', 'item', 'at', weight => 'w'); ROLLBACK" >/dev/null
    for node in "${cluster_nodes[@]}"; do
        check "a rollback leaves nothing, on $node" '0|0' "$(on "$node" "SELECT count(*), (SELECT count(*) FROM pg_trigger WHERE tgfoid = 'topk.capture'::regproc) FROM topk.rollups")"
    done
    on coordinator "BEGIN; SELECT topk.create_rollup('plays', 'plays', 'item', 'at', weight => 'w');
        INSERT INTO plays (id, item, w) SELECT n, 'first', n FROM generate_series(1, 30) n; COMMIT" >/dev/null
    check 'the transaction that creates the rollup inserts rows' 30 "$(on coordinator 'SELECT count(*) FROM plays')"
    for node in "${cluster_nodes[@]}"; do
        check "the rollup is on $node" 'plays|plays|w|t' "$(on "$node" "SELECT name, source, weight, capturing FROM topk.rollups")"
    done
    counts_all 'rows of the same transaction'
    on coordinator "SELECT topk.create_rollup('per_id', 'plays', 'id', 'at', k => 5)" >/dev/null
    on coordinator "SELECT topk.alter_rollup('per_id', rename_to => 'ids', k => 7, windows => '{day}')"
    for node in "${cluster_nodes[@]}"; do
        check "a second one, changed, on $node" 'ids|7|{day} plays|100|{hour,day,week,month}' "$(on "$node" "SELECT name, k, windows FROM topk.rollups ORDER BY name")"
    done
    on coordinator "INSERT INTO plays (id, item) VALUES (1001, 'two')"
    check '... counts' '1001|1' "$(on worker1 "SELECT item, count FROM topk.range('ids', '-infinity', 'infinity') WHERE item = '1001'")"
    on coordinator "SELECT topk.drop_rollup('ids')"
    for node in "${cluster_nodes[@]}"; do
        check "... and is dropped, on $node" 'plays' "$(on "$node" 'SELECT name FROM topk.rollups')"
    done
    on coordinator 'ALTER TABLE plays RENAME COLUMN item TO title; ALTER TABLE plays ADD COLUMN more int'
    on coordinator "INSERT INTO plays (id, title) VALUES (1002, 'renamed')"
    on coordinator 'ALTER TABLE plays RENAME COLUMN title TO item'
    counts_all 'columns get other names'
    refused 'a column that it counts' 'cannot drop column "item" of "plays"' 'ALTER TABLE plays DROP COLUMN item'
    refused 'the trigger' 'cannot drop the capture trigger' 'SET citus.enable_unsafe_triggers = on; DROP TRIGGER topk_capture ON plays'
    refused 'a backfill' 'cannot recount rollup "plays"' "SELECT topk.backfill('plays')"
    begins '... on a worker' 'ERROR:  cannot recount rollup "plays"' "$(on worker1 "SELECT topk.backfill('plays')")"
    begins 'a change on a worker' 'ERROR:  cannot change rollup "plays" of a distributed table on this node' "$(on worker1 "SELECT topk.alter_rollup('plays', k => 3)")"
    begins '... or its end' 'ERROR:  cannot change rollup "plays" of a distributed table on this node' "$(on worker1 "SELECT topk.drop_rollup('plays')")"
    refused 'undistribute_table' 'cannot make another table of "plays"' "SET client_min_messages = error; SELECT undistribute_table('plays')"
    refused 'alter_distributed_table' 'cannot make another table of "plays"' "SET client_min_messages = error; SELECT alter_distributed_table('plays', shard_count => 4, cascade_to_colocated => false)"
    on coordinator 'CREATE EXTENSION citus_columnar'
    refused '... as columns' 'cannot make another table of "plays"' "SET client_min_messages = error; SELECT alter_table_set_access_method('plays', 'columnar')"
    counts_all 'refused statements'
}

# Rows come in every way that Citus has.
ways() {
    on coordinator "INSERT INTO plays (id, item) VALUES (1, 'single'), (2, 'multi'), (3, 'multi')"
    printf '%s\tcopied\n' {1..50} | on_copy coordinator
    printf '%s\tcopied there\n' {1..50} | on_copy worker2
    on worker1 "INSERT INTO plays (id, item, w) SELECT n, 'from worker', 2 FROM generate_series(1, 40) n"
    on worker1 "INSERT INTO plays (id, item) VALUES (7, 'router'), (8, 'router')"
    on coordinator "INSERT INTO plays (id, item) SELECT id, item FROM raw"
    on coordinator "INSERT INTO plays (id, item) SELECT id, item FROM other"
    on coordinator "INSERT INTO plays (id, item) SELECT id, item FROM other ORDER BY id LIMIT 9"
    on worker2 "INSERT INTO plays (id, item) SELECT id + 1, item FROM raw"
    on coordinator "MERGE INTO plays USING raw ON plays.id = raw.id AND plays.item = 'single' WHEN NOT MATCHED THEN INSERT (id, item, at, w) VALUES (raw.id, 'merged', '$(date -u +%F)', 1)"
    on coordinator "BEGIN; INSERT INTO plays (id, item) SELECT n, 'kept' FROM generate_series(1, 9) n; SAVEPOINT s;
        INSERT INTO plays (id, item) SELECT n, 'undone' FROM generate_series(1, 9) n; ROLLBACK TO s; INSERT INTO plays (id, item) VALUES (5, 'kept'); COMMIT"
    on coordinator "BEGIN; INSERT INTO plays (id, item) SELECT n, 'rolled back' FROM generate_series(1, 9) n; ROLLBACK"
    on coordinator "PREPARE p AS INSERT INTO plays (id, item) VALUES (\$1, 'prepared'); $(printf 'EXECUTE p(%s);' {1..12})"
    on worker1 "UPDATE plays SET more = 1 WHERE id < 10; DELETE FROM plays WHERE id = -1"
    counts_all 'every way in'
    check '... and nothing else' 'single copied' "$(on coordinator "SELECT string_agg(item, ' ' ORDER BY item DESC) FROM topk.range('plays', '-infinity', 'infinity', 100) WHERE item IN ('single', 'copied', 'undone', 'rolled back')")"
}
on_copy() { PGHOST=$scratch/$1 psql -d postgres -c "COPY plays (id, item) FROM STDIN"; }

# Shards move and are split while rows come in.
moves() {
    local shard mode load node session sessions=()
    (for ((i = 0; i < 1000; ++i)); do
        [ ! -e "$scratch/loaded" ] || break
        on coordinator "INSERT INTO plays (id, item) SELECT 100 * $i + n, 'load' || n % 5 FROM generate_series(1, 20) n"
    done) >"$scratch/load" 2>&1 &
    load=$!
    # Sessions that stay, with what they remember of shards
    on coordinator "CREATE PROCEDURE stay(title text) LANGUAGE plpgsql AS \$\$ BEGIN
        FOR i IN 1..200 LOOP INSERT INTO plays (id, item) SELECT 7 * i + n, title FROM generate_series(1, 7) n; COMMIT; END LOOP; END \$\$"
    for node in coordinator worker1 worker2; do
        (until [ -e "$scratch/loaded" ]; do on "$node" "CALL stay('stays on $node')"; done) >"$scratch/stay_$node" 2>&1 &
        sessions+=($!)
    done
    for mode in block_writes force_logical; do
        shard=$(shards_on worker1 | cut -d' ' -f1)
        check "a shard moves, $mode" '' "$(on coordinator "SET client_min_messages = error; ALTER TABLE plays REPLICA IDENTITY FULL;
            SELECT citus_move_shard_placement($shard, '$scratch/worker1', 5432, '$scratch/worker2', 5432, shard_transfer_mode => '$mode')")"
    done
    for mode in block_writes force_logical; do
        shard=$(shards_on worker2 | cut -d' ' -f1)
        check "a shard is split, $mode" '' "$(on coordinator "SET client_min_messages = error;
            SELECT citus_split_shard_by_split_points($shard, ARRAY[(shardminvalue::bigint + 1000000)::text], ARRAY[groupid, groupid], '$mode')
            FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE shardid = $shard")"
    done
    begins 'a tenant is isolated' '1' "$(on coordinator "SET client_min_messages = error; SELECT isolate_tenant_to_new_shard('plays', 5, 'CASCADE', shard_transfer_mode => 'block_writes')")"
    check 'shards are rebalanced' '' "$(on coordinator "SET client_min_messages = error; SELECT rebalance_table_shards(shard_transfer_mode => 'force_logical')")"
    touch "$scratch/loaded"
    wait "$load" "${sessions[@]}"
    # Citus itself refuses some statements while it splits a shard.
    check 'no row is refused' '' "$(sed 's/ERROR:  could not find valid entry for shard [0-9]*//g' "$scratch/load")"
    check '... nor in a session that stays' '' "$(cat "$scratch"/stay_* | sed 's/ERROR:  /\n/g' | grep -vE '^(could not find valid entry for shard|could not lock distributed table|$)')"
    for node in coordinator worker1 worker2; do
        check "... which has inserted rows, on $node" t "$(on coordinator "SELECT count(*) > 500 FROM plays WHERE item = 'stays on $node'")"
    done
    check '... and many came in' t "$(on coordinator "SELECT count(*) > 500 FROM plays WHERE item LIKE 'load%'")"
    counts_all 'shards that moved, under load'
}

# Citus uses several connections to a node, however fast the first one is.
parallel='SET citus.force_max_query_parallelization = on;'
# The definition of the table changes while rows come in from workers. A row is stored and counted, or its statement fails.
changes() {
    local node i loads=()
    rm -f "$scratch/loaded"
    for node in worker1 worker2; do
        (while [ ! -e "$scratch/loaded" ]; do
            on "$node" "INSERT INTO plays (id, item) SELECT n, 'of $node' FROM generate_series(1, 12) n"
        done) >"$scratch/load_$node" 2>&1 &
        loads+=($!)
    done
    for i in 1 2 3; do
        succeeds_on 'a rollup comes and goes' "$(on coordinator "SET lock_timeout = '20s'; SELECT topk.create_rollup('second', 'plays', 'id', 'at', k => 5); SELECT topk.drop_rollup('second')")"
        check 'a column is added' '' "$(on coordinator "SET lock_timeout = '20s'; ALTER TABLE plays ADD COLUMN more_$i int")"
    done
    touch "$scratch/loaded"
    wait "${loads[@]}"
    check 'no other error' '' "$(cat "$scratch"/load_worker? | sed 's/ERROR:  /\n/g' | grep -vE '^(could not lock distributed table|the rows of shard|canceling the transaction since it was involved in a distributed deadlock|$)')"
    counts_all 'changes of the table, under load'
    begins 'a transaction changes the table and inserts' 'ERROR:  could not lock distributed table "plays" to count its rows' \
        "$(on coordinator "$parallel BEGIN; ALTER TABLE plays ADD COLUMN last int; INSERT INTO plays (id, item) SELECT n, 'changed' FROM generate_series(1, 40) n; COMMIT")"
    check '... one step after the other' '' \
        "$(on coordinator "BEGIN; SET LOCAL citus.multi_shard_modify_mode = 'sequential'; ALTER TABLE plays ADD COLUMN last int; INSERT INTO plays (id, item) SELECT n, 'changed' FROM generate_series(1, 40) n; COMMIT")"
    counts_all '... and its rows count'
}

# A node that Citus brings up to date keeps its counts, and one that comes gets the rollups.
comes() {
    on coordinator "SELECT citus_activate_node('$scratch/worker2', 5432)" >/dev/null
    counts_all 'a node that is brought up to date'
    on coordinator "SET client_min_messages = error; DROP TABLE IF EXISTS names; SELECT citus_drain_node('$scratch/worker2', 5432, shard_transfer_mode => 'block_writes')" >/dev/null
    on coordinator "SELECT citus_disable_node('$scratch/worker2', 5432, synchronous => true)" >/dev/null
    begins 'a disabled node is named' "ERROR:  node \"$scratch/worker2:5432\" is disabled" "$(on coordinator "$counted")"
    on coordinator "SELECT citus_activate_node('$scratch/worker2', 5432)" >/dev/null
    counts_all 'a node that is active again'
    on coordinator "INSERT INTO plays (id, item) SELECT n, 'again' FROM generate_series(1, 20) n"
    counts_all '... and goes on'
    start_node worker3
    succeeds_on 'a node comes' "$(on coordinator "SELECT citus_add_node('$scratch/worker3', 5432)")"
    cluster_nodes+=(worker3)
    check '... with the rollups' "$(on worker1 'SELECT name, k FROM topk.rollups ORDER BY name')" "$(on worker3 'SELECT name, k FROM topk.rollups ORDER BY name')"
    counts_all '... and answers'
    check '... and gets shards' '' "$(on coordinator "SET client_min_messages = error; SELECT rebalance_table_shards(shard_transfer_mode => 'block_writes')")"
    on worker3 "INSERT INTO plays (id, item) SELECT n, 'on the new node' FROM generate_series(1, 60) n"
    counts_all '... and counts'
    on coordinator "SET client_min_messages = error; SELECT citus_set_node_property('$scratch/coordinator', 5432, 'shouldhaveshards', true);
        SELECT rebalance_table_shards(shard_transfer_mode => 'block_writes')" >/dev/null
    check 'the coordinator has shards' t "$([ -n "$(shards_on coordinator)" ] && echo t)"
    on coordinator "INSERT INTO plays (id, item) SELECT n, 'on the coordinator' FROM generate_series(1, 60) n"
    printf '%s\tcopied there\n' {1..50} | on_copy coordinator
    counts_all '... and counts them'
    at_home
}

# Its counts go to another node before a node is removed.
goes() {
    local events before
    before=$(on coordinator "$counted")
    # docs/citus.md says this of a node that is removed without that
    on coordinator "SET client_min_messages = error; SELECT citus_drain_node('$scratch/worker3', 5432, shard_transfer_mode => 'block_writes')" >/dev/null
    on coordinator "SELECT citus_remove_node('$scratch/worker3', 5432)" >/dev/null
    check 'the counts of a node that was removed are missing' f "$([ "$(on coordinator "$counted")" = "$before" ] && echo t || echo f)"
    on coordinator "SELECT citus_add_node('$scratch/worker3', 5432)" >/dev/null
    check '... until it is back' "$before" "$(on coordinator "$counted")"
    on coordinator "SET client_min_messages = error; SELECT rebalance_table_shards(shard_transfer_mode => 'block_writes')" >/dev/null
    on worker3 "INSERT INTO plays (id, item) SELECT n, 'back' FROM generate_series(1, 60) n"
    counts_all '... and it counts again'

    on coordinator "SET client_min_messages = error; SELECT citus_drain_node('$scratch/worker3', 5432, shard_transfer_mode => 'block_writes')" >/dev/null
    events=$(PGOPTIONS='-c pg_topk.ask_nodes=off' on worker3 "SELECT events FROM topk.stats WHERE rollup = 'plays'")
    check 'a drained node has counts' t "$([ "$events" -gt 0 ] && echo t)"
    counts_all 'a drained node still answers'
    check '... is absorbed' "$events" "$(on coordinator "SELECT topk.absorb('$scratch/worker3:5432')")"
    counts_all '... its counts are on another node'
    on coordinator "SELECT citus_remove_node('$scratch/worker3', 5432)" >/dev/null
    cluster_nodes=(coordinator worker1 worker2)
    counts_all '... and stay when it is gone'
    stop_server worker3
}

partitions() {
    on coordinator "CREATE TABLE logs (id bigint, at timestamptz, item text) PARTITION BY RANGE (at);
        CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        SELECT create_distributed_table('logs', 'id', shard_count => 4, colocate_with => 'none');
        SELECT topk.create_rollup('logs', 'logs', 'item', 'at', accept_past => '20 years', retention => '{\"day\": \"20 years\"}')" >/dev/null
    on coordinator "CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')"
    on coordinator "INSERT INTO logs SELECT n, '2024-01-31 12:00+00'::timestamptz + n % 2 * interval '1 day', 'routed' FROM generate_series(1, 40) n"
    on coordinator "INSERT INTO logs_1 SELECT n, '2024-01-10 12:00+00', 'by name' FROM generate_series(1, 40) n"
    on worker1 "INSERT INTO logs_2 SELECT n, '2024-02-10 12:00+00', 'by name' FROM generate_series(1, 40) n"
    for node in "${cluster_nodes[@]}"; do
        check "partitions, asked on $node" 'by name|80 routed|40' "$(on "$node" "SELECT item, count FROM topk.range('logs', '-infinity', 'infinity') ORDER BY item")"
    done
    check 'a partition is detached' '' "$(on coordinator 'ALTER TABLE logs DETACH PARTITION logs_2')"
    on coordinator "INSERT INTO logs_2 SELECT n, '2024-02-10 12:00+00', 'detached' FROM generate_series(1, 40) n"
    check '... and counts no more' 'by name|80 routed|40' "$(on worker2 "SELECT item, count FROM topk.range('logs', '-infinity', 'infinity') ORDER BY item")"
    check 'a partition is dropped' '' "$(on coordinator 'DROP TABLE logs_1; DROP TABLE logs_2')"
    on coordinator 'DROP TABLE logs'
}

# A role that owns its table, and no superuser
owners() {
    on coordinator 'CREATE ROLE app LOGIN; GRANT CREATE ON SCHEMA public TO app' >/dev/null
    PGUSER=app on coordinator "CREATE TABLE mine (id bigint, at timestamptz DEFAULT now(), item text); SELECT create_distributed_table('mine', 'id', colocate_with => 'plays')" >/dev/null
    succeeds_on 'the owner creates a rollup' "$(PGUSER=app on coordinator "SELECT topk.create_rollup('mine', 'mine', 'item', 'at')")"
    PGUSER=app on coordinator "INSERT INTO mine (id, item) SELECT n, 'x' FROM generate_series(1, 50) n"
    check '... which counts' 'x|50' "$(on worker1 "SELECT item, count FROM topk.range('mine', '-infinity', 'infinity')")"
    on coordinator "SELECT topk.create_rollup('by_admin', 'mine', 'item', 'at')" >/dev/null
    PGUSER=app on worker2 "INSERT INTO mine (id, item) SELECT n, 'x' FROM generate_series(1, 50) n"
    check '... and a superuser another' 'x|50' "$(on worker1 "SELECT item, count FROM topk.range('by_admin', '-infinity', 'infinity')")"
    on coordinator 'DROP TABLE mine'
}

distributed() {
    definitions
    ways
    conflicts
    merges
    owners
    partitions
    kinds
    needs
    rights
    drops
    moves
    changes
    prepared
    answers
    comes
    goes
    check 'all is dropped' '' "$(on coordinator "SET client_min_messages = error; DROP TABLE plays, raw, other, upserts, alone, stripes, years, local, a_table_whose_name_is_so_long_that_shards_have_a_hash_in_theirs,
        tenant.visits, elsewhere.named; DROP SCHEMA tenant, elsewhere; DROP PROCEDURE stay; DROP ROLE app, stranger, asker, late")"
    for node in "${cluster_nodes[@]}"; do
        check "... with the rollups, on $node" 0 "$(on "$node" "SELECT count(*) FROM topk.rollup WHERE name <> 'home'")"
        check "... and counts, on $node" 0 "$(on "$node" "$orphans")"
    done
}
