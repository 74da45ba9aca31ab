# Sourced by tests/citus/run: a cluster of a coordinator and two workers, where Citus is installed.
cluster_nodes=(coordinator worker1 worker2)

# on NODE SQL: runs statements there, one after the other, until one fails, and prints what they return, or the error, in one line
on() { PGHOST=$scratch/$1 sql "${database:-postgres}" <<<"$2" | sed 's/^psql:<stdin>:[0-9]*: //' | tr '\n' ' ' | sed 's/ $//'; }
on_all() { local node; for node in "${cluster_nodes[@]}"; do on "$node" "$1"; done; }
# begins DESCRIPTION WANTED GOT: passes if GOT begins with WANTED
begins() { case $3 in "$2"*) pass "$1" ;; *) fail "$1: expected '$2...', got '$3'" ;; esac; }

start_node() {
    local more=()
    # Newer minor versions name the libraries that logical splits of shards may use.
    ! grep -q output_plugin_libraries "$bindir/postgres" || more=("output_plugin_libraries = 'citus,pgoutput'")
    start_server "$1" "shared_preload_libraries = 'citus,pg_topk'" 'wal_level = logical' 'max_connections = 100' \
        "citus.local_hostname = '$scratch/$1'" 'max_prepared_transactions = 50' 'max_worker_processes = 32' 'pg_topk.fold_interval = 200' "${more[@]}"
    on "$1" 'CREATE EXTENSION citus'
    on "$1" 'CREATE EXTENSION pg_topk'
}

start_cluster() {
    local node
    for node in "${cluster_nodes[@]}"; do
        start_node "$node"
    done
    on coordinator "SELECT citus_set_coordinator_host('$scratch/coordinator', 5432)"
    on coordinator "SELECT citus_add_node('$scratch/worker1', 5432), citus_add_node('$scratch/worker2', 5432)" >/dev/null
    check 'three nodes' 3 "$(on coordinator "SELECT count(*) FROM pg_dist_node WHERE isactive")"
}

# A statement that would count nothing, or count rows twice, is an error.
refusals() {
    local unsafe='SET citus.enable_unsafe_triggers = on;' shard call
    on coordinator "CREATE TABLE plain (id bigint, at timestamptz DEFAULT now(), item text);
        CREATE TABLE names (id bigint, at timestamptz DEFAULT now(), item text);
        CREATE TABLE here (id bigint, at timestamptz DEFAULT now(), item text);
        CREATE TABLE twice (id bigint, at timestamptz DEFAULT now(), item text);
        SELECT create_distributed_table('plain', 'id'); SELECT create_reference_table('names'); SELECT citus_add_local_table_to_metadata('here');
        SET citus.shard_replication_factor = 2; SELECT create_distributed_table('twice', 'id', colocate_with => 'none')" >/dev/null
    begins 'a reference table' 'ERROR:  cannot create a rollup on "names", because Citus stores its rows several times' \
        "$(on coordinator "SELECT topk.create_rollup('names', 'names', 'item', 'at')")"
    begins 'a table with two placements of each shard' 'ERROR:  cannot create a rollup on "twice", because Citus stores its rows several times' \
        "$(on coordinator "SELECT topk.create_rollup('twice', 'twice', 'item', 'at')")"
    begins 'a local table that Citus manages' 'ERROR:  cannot create a rollup on "here", because Citus manages it as a local table' \
        "$(on coordinator "SELECT topk.create_rollup('here', 'here', 'item', 'at')")"
    begins 'a distributed table, on a worker' 'ERROR:  cannot create a rollup on distributed table "plain" on this node' \
        "$(on worker1 "SELECT topk.create_rollup('plain', 'plain', 'item', 'at')")"
    begins '... with a backfill' 'ERROR:  cannot backfill from distributed table "plain"' \
        "$(on coordinator "SELECT topk.create_rollup('plain', 'plain', 'item', 'at', backfill => true)")"
    shard=$(on worker1 "SET citus.override_table_visibility = off; SELECT c.oid FROM pg_class c JOIN pg_dist_shard s ON c.relname = 'plain_' || s.shardid LIMIT 1")
    begins 'a shard' 'ERROR:  cannot create a rollup on "plain_' "$(on worker1 "SELECT topk.create_rollup('shard', $shard, 'item', 'at')")"

    on coordinator "CREATE TABLE later (id bigint, at timestamptz DEFAULT now(), item text);
        SELECT topk.create_rollup('later', 'later', 'item', 'at'); INSERT INTO later VALUES (1, now(), 'a')" >/dev/null
    for call in "create_distributed_table('later', 'id')" "create_reference_table('later')"; do
        begins "$call of a table with a rollup" 'ERROR' "$(on coordinator "SELECT $call")"
        begins "$call with unsafe triggers" 'ERROR:  a table with rollups cannot be distributed' "$(on coordinator "$unsafe SELECT $call")"
    done
    on coordinator "INSERT INTO later VALUES (2, now(), 'a')"
    check '... and it goes on counting' 2 "$(on coordinator "SELECT count FROM topk.range('later', '-infinity', 'infinity')")"
    check '... on one node' 0 "$(on coordinator "SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = 'later'::regclass")"
    on coordinator "SELECT topk.drop_rollup('later')"
    begins 'the capture trigger by hand' 'ERROR' "$(on coordinator "$unsafe CREATE TRIGGER topk_capture AFTER INSERT ON plain
        REFERENCING NEW TABLE AS topk_rows FOR EACH STATEMENT EXECUTE FUNCTION topk.capture()")"
    check 'rows go into shards as before' 100 "$(on coordinator "INSERT INTO plain SELECT n, now(), 'x' FROM generate_series(1, 100) n;
        SELECT count(*) FROM plain")"
    on coordinator 'DROP TABLE plain, twice, here, later'
}

# A stream and its rollup on each node, asked anywhere.
streams() {
    local node i=0 answer="SELECT item, count, error FROM topk.range('hits', '-infinity', 'infinity')"
    local info="SELECT nodes, missing_nodes, events FROM topk.window_info('hits', 'month')"
    on coordinator "CREATE ROLE reader LOGIN IN ROLE topk_reader; CREATE ROLE guest LOGIN IN ROLE topk_reader" >/dev/null
    on_all 'GRANT topk_reader TO reader, guest' >/dev/null
    on coordinator "CREATE FOREIGN TABLE hits (at timestamptz DEFAULT now(), item text) SERVER topk; SELECT topk.create_rollup('hits', 'hits', 'item', 'at');
        GRANT SELECT ON hits TO reader; SELECT topk.grant_ask('hits', 'guest')" >/dev/null
    check 'the other nodes get the stream' "$scratch/worker1:5432|public.hits $scratch/worker2:5432|public.hits" \
        "$(on coordinator 'SELECT * FROM topk.sync_nodes() ORDER BY 1')"
    check '... once' '' "$(on coordinator 'SELECT * FROM topk.sync_nodes()')"
    for node in "${cluster_nodes[@]}"; do
        on "$node" "SELECT topk.add_node('pg_dist_node')" >/dev/null
        i=$((i + 1))
        on "$node" "INSERT INTO hits (item) SELECT unnest('{a,b}'::text[]) FROM generate_series(1, $i * 10); INSERT INTO hits (item) VALUES ('of_$node')"
    done
    for node in "${cluster_nodes[@]}"; do
        check "the answer of all nodes, on $node" 'a|60|0 b|60|0 of_coordinator|1|0 of_worker1|1|0 of_worker2|1|0' "$(on "$node" "$answer")"
        check "... and how many answered" '3|{}|123' "$(on "$node" "$info")"
    done

    check 'a role that is no superuser asks by its own name' '3|{}|123' "$(PGUSER=reader on worker1 "$info")"
    check '... and so does one by the right to ask' '3|{}|123' "$(PGUSER=guest on worker1 "$info")"
    on worker2 'REVOKE SELECT ON hits FROM reader'
    begins '... and with its rights on each node' "ERROR:  node \"$scratch/worker2:5432\" cannot answer: permission denied" "$(PGUSER=reader on worker1 "$info")"

    check 'a node is disabled' '' "$(on coordinator "SELECT citus_disable_node('$scratch/worker2', 5432, synchronous => true)")"
    begins 'a disabled node is named' "ERROR:  node \"$scratch/worker2:5432\" is disabled in pg_dist_node" "$(on coordinator "$info")"
    check '... and may be left out' "2|{$scratch/worker2:5432}|62" "$(PGOPTIONS='-c pg_topk.allow_partial=on -c client_min_messages=error' on coordinator "$info")"
    on coordinator "SELECT citus_activate_node('$scratch/worker2', 5432)" >/dev/null
    check 'the node is active again' '3|{}|123' "$(on coordinator "$info")"
    stop_server worker2
    begins 'a node that is down is named' "ERROR:  node \"$scratch/worker2:5432\" cannot be reached" "$(on coordinator "$info")"
    launch_server worker2

    # Citus renames the stream: what is inserted goes to the stream of that name, and is counted, or an error.
    on coordinator "CREATE FOREIGN TABLE first (at timestamptz DEFAULT now(), item text) SERVER topk" >/dev/null
    on coordinator "SELECT citus_add_local_table_to_metadata('first')" >/dev/null
    begins 'events of a stream that Citus manages' 'ERROR' "$(on coordinator "INSERT INTO first (item) VALUES ('a')")"
    begins '... cannot have a rollup' 'ERROR:  cannot create a rollup on "first"' "$(on coordinator "SELECT topk.create_rollup('first', 'first', 'item', 'at')")"
}

# A node leaves the cluster.
leave() {
    local info="SELECT nodes, missing_nodes, events FROM topk.window_info('hits', 'month')"
    check 'a node is absorbed' 61 "$(on coordinator "SELECT topk.absorb('$scratch/worker2:5432')" 2>&1)"
    check '... whose counts are there, once' '2|{}|123' "$(on worker1 "$info")"
    on coordinator "SELECT citus_remove_node('$scratch/worker2', 5432)" >/dev/null
    for node in coordinator worker1; do
        check "... and stay when it has gone, on $node" '2|{}|123' "$(on "$node" "$info")"
    done
}

cluster() {
    start_cluster
    refusals
    distributed
    streams
    leave
}
