# Logical replication into a table with a rollup, from another database of the same server. The slots are created in advance, as CREATE
# SUBSCRIPTION would wait for itself.

fresh life_subscriber
psql -d postgres -c 'DROP DATABASE IF EXISTS life_publisher' -c 'CREATE DATABASE life_publisher'
psql -d life_publisher <<'SQL' >/dev/null
CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text, ts timestamptz DEFAULT now());
CREATE TABLE parted (region text, item text, ts timestamptz DEFAULT now()) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE plain (item text, ts timestamptz DEFAULT now());
INSERT INTO event (item) SELECT 'old' FROM generate_series(1, 10);
INSERT INTO parted SELECT 'a', 'old' FROM generate_series(1, 10);
CREATE PUBLICATION life FOR TABLE event, parted WITH (publish_via_partition_root = true);
CREATE PUBLICATION stream FOR TABLE plain;
SELECT pg_create_logical_replication_slot('life', 'pgoutput');
SELECT pg_create_logical_replication_slot('life_stream', 'pgoutput');
SQL
psql -d life_subscriber <<'SQL' >/dev/null
CREATE TABLE event (id bigint PRIMARY KEY, item text, ts timestamptz);
CREATE TABLE parted (region text, item text, ts timestamptz) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE FOREIGN TABLE plain (item text, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('event', 'event', 'item', 'ts'), topk.create_rollup('parted', 'parted', 'item', 'ts'), topk.create_rollup('plain', 'plain', 'item', 'ts');
SQL
publisher="host=$PGHOST port=$PGPORT user=$PGUSER dbname=life_publisher"
subscribe="CREATE SUBSCRIPTION life CONNECTION '$publisher' PUBLICATION life WITH (create_slot = false, slot_name = 'life')"
check 'subscribing' '' "$(sql life_subscriber -c "$subscribe")"
soon_is 30 'rows of the initial copy' '10|10|0' query life_subscriber "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM parted), count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'"
check '... are not counted: the copy of a table fires no ordinary trigger' '|' "$(sql life_subscriber -c "SELECT counts('event'), counts('parted')")"
psql -d life_publisher -c "INSERT INTO event (item) SELECT 'new' FROM generate_series(1, 5)" -c "INSERT INTO parted SELECT 'a', 'new' FROM generate_series(1, 5)"
soon_is 30 'rows that are applied' '15|15' query life_subscriber 'SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM parted)'
check '... are not counted' '|' "$(sql life_subscriber -c "SELECT counts('event'), counts('parted')")"

# Triggers that fire for replicas: the initial copy fires statement triggers, apply workers do not
for mode in REPLICA ALWAYS; do
    psql -d life_subscriber -c "ALTER TABLE event ENABLE $mode TRIGGER topk_capture" -c "ALTER TABLE parted ENABLE $mode TRIGGER topk_capture"
    n=$(sql life_subscriber -c 'SELECT count(*) + 1 FROM event')
    psql -d life_publisher -c "INSERT INTO event (item) VALUES ('$mode')" -c "INSERT INTO parted VALUES ('a', '$mode')"
    soon_is 30 "ENABLE $mode TRIGGER: rows that are applied" "$n|$n" query life_subscriber 'SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM parted)'
    check "ENABLE $mode TRIGGER: applied rows are not counted" '|' "$(sql life_subscriber -c "SELECT counts('event'), counts('parted')")"
done
check 'the subscription works on' 0 "$(sql life_subscriber -c "SELECT coalesce(sum(apply_error_count + sync_error_count), 0) FROM pg_stat_subscription_stats WHERE subname = 'life'")"
check 'ALTER TABLE leaves the mode of the trigger alone' A "$(sql life_subscriber -c 'ALTER TABLE event ADD extra integer' -c "SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'event'::regclass AND tgname = 'topk_capture'")"
# Local rows count too; with ENABLE REPLICA they would not
check 'local rows are counted: ALWAYS' 'local=1|local=1' "$(sql life_subscriber -c "INSERT INTO event (id, item, ts) VALUES (-1, 'local', now())" -c "INSERT INTO parted VALUES ('a', 'local', now())" -c "SELECT counts('event'), counts('parted')")"
check 'local rows are not counted: REPLICA' 'local=1' "$(sql life_subscriber -c 'ALTER TABLE event ENABLE REPLICA TRIGGER topk_capture' -c "INSERT INTO event (id, item, ts) VALUES (-2, 'local', now())" -c "SELECT counts('event')")"

# A backfill counts the replicated rows
psql -d life_subscriber -c 'ALTER TABLE event ENABLE TRIGGER topk_capture' -c 'ALTER TABLE parted ENABLE TRIGGER topk_capture'
check 'backfill counts replicated rows' 'ALWAYS=1 REPLICA=1 local=2 new=5 old=10|ALWAYS=1 REPLICA=1 local=1 new=5 old=10' \
    "$(sql life_subscriber -c "DO \$\$BEGIN PERFORM topk.backfill('event'), topk.backfill('parted'); END\$\$" -c "SELECT counts('event'), counts('parted')")"

# A second initial copy, with a trigger that always fires
psql -d life_subscriber -c 'ALTER SUBSCRIPTION life DISABLE' -c 'ALTER SUBSCRIPTION life SET (slot_name = NONE)' -c 'DROP SUBSCRIPTION life' \
    -c 'TRUNCATE event, parted' -c "DO \$\$BEGIN PERFORM topk.drop_rollup('event'), topk.drop_rollup('parted'), topk.create_rollup('event', 'event', 'item', 'ts'), topk.create_rollup('parted', 'parted', 'item', 'ts'); END\$\$" \
    -c 'ALTER TABLE event ENABLE ALWAYS TRIGGER topk_capture' -c 'ALTER TABLE parted ENABLE ALWAYS TRIGGER topk_capture'
check 'subscribing again' '' "$(sql life_subscriber -c "$subscribe")"
wait_for 30 '17|17|0' query life_subscriber "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM parted), count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'"
check 'ENABLE ALWAYS TRIGGER: the copy is counted' 'ALWAYS=1 REPLICA=1 new=5 old=10|ALWAYS=1 REPLICA=1 new=5 old=10' "$(sql life_subscriber -c "SELECT counts('event'), counts('parted')")"

# A stream cannot be a target
check 'a stream cannot be subscribed to' 'ERROR:  42809' "$(sql life_subscriber -c "CREATE SUBSCRIPTION stream CONNECTION '$publisher' PUBLICATION stream WITH (create_slot = false, slot_name = 'life_stream')")"

# The source of a rollup can be published like any table
psql -d life_publisher -c 'CREATE EXTENSION pg_topk' -c "SELECT topk.create_rollup('event', 'event', 'item', 'ts')" -c "INSERT INTO event (item) VALUES ('both')" >/dev/null
soon_is 30 'a source with a rollup is published' 1 query life_subscriber "SELECT count(*) FROM event WHERE item = 'both'"
check 'a stream cannot be published' 'ERROR:  22023' "$(sql life_subscriber -c 'CREATE PUBLICATION p FOR TABLE plain')"
psql -d life_subscriber -c 'ALTER SUBSCRIPTION life DISABLE' -c 'ALTER SUBSCRIPTION life SET (slot_name = NONE)' -c 'DROP SUBSCRIPTION life'
wait_for 30 0 query life_publisher "SELECT count(*) FROM pg_replication_slots WHERE active"
psql -d life_publisher -c "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'life_publisher'" >/dev/null
psql -d postgres -c 'DROP DATABASE life_subscriber' -c 'DROP DATABASE life_publisher'
