# A table that pg_partman partitions by time

if [ "$(sql postgres -c "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_partman'")" = 0 ]; then
    echo "skipped: pg_partman is not there for PostgreSQL $(server_major)"
    return
fi
fresh life_partman
psql -d life_partman <<'SQL' >/dev/null
CREATE SCHEMA partman;
CREATE EXTENSION pg_partman SCHEMA partman;
CREATE TABLE event (id bigint, item text NOT NULL, ts timestamptz NOT NULL DEFAULT now()) PARTITION BY RANGE (ts);
CREATE INDEX ON event (ts);
SELECT topk.create_rollup('event', 'event', 'item', 'ts');
SQL
# Version 5 has no type "native", and takes an interval as the interval.
if [ "$(sql life_partman -c "SELECT extversion ~ '^4' FROM pg_extension WHERE extname = 'pg_partman'")" = t ]; then
    arguments="p_type => 'native', p_interval => 'daily'"
else
    arguments="p_interval => '1 day'"
fi
check 'create_parent()' t "$(sql life_partman -c "SELECT partman.create_parent('public.event', 'ts', $arguments, p_premake => 2, p_start_partition => (now() - interval '6 days')::text)" | tail -1)"
untriggered="SELECT count(*) > 8, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relid AND tgname = 'topk_capture'))
    FROM pg_partition_tree('event')"
check 'new partitions have the trigger' 't|0' "$(sql life_partman -c "$untriggered")"
psql -d life_partman <<'SQL'
INSERT INTO event (item, ts) SELECT 'routed', now() - i * interval '1 day' FROM generate_series(0, 5) AS i;
COPY event (item) FROM stdin;
copied
copied
\.
-- Into each partition that has a time for it
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT tableoid::regclass FROM event WHERE item = 'routed' LOOP
        EXECUTE format('INSERT INTO %s (item, ts) SELECT ''direct'', ts FROM %1$s WHERE item = ''routed''', part);
    END LOOP;
END$$;
SQL
check 'routed and direct rows count once' 'copied=2 direct=6 routed=6' "$(sql life_partman -c "SELECT counts('event')")"
psql -d life_partman -c 'SELECT fold_all()' >/dev/null

# More partitions are created ahead, and rows of the default partition move to new ones
psql -d life_partman -c "UPDATE partman.part_config SET premake = 5, retention = '3 days', retention_keep_table = false" \
    -c "INSERT INTO event (item, ts) SELECT 'early', now() - interval '40 days'" >/dev/null
check 'a row in the default partition' 'copied=2 direct=6 early=1 routed=6' "$(sql life_partman -c "SELECT counts('event')")"
sql life_partman -c "SELECT partman.run_maintenance('public.event')" >/dev/null
check 'maintenance makes and drops partitions' 't|0' "$(sql life_partman -c "$untriggered")"
check '... old ones are gone' '0|t' "$(sql life_partman -c "SELECT count(*), (SELECT count(*) FROM event WHERE item = 'direct') BETWEEN 3 AND 5 FROM event WHERE ts < now() - interval '5 days' AND item = 'routed'")"
check 'dropped partitions leave counts' 'copied=2 direct=6 early=1 routed=6' "$(sql life_partman -c "SELECT counts('event')")"
check '... also after folding' 'copied=2 direct=6 early=1 routed=6' "$(sql life_partman -c 'DO $$BEGIN PERFORM fold_all(); END$$' -c "SELECT counts('event')")"
psql -d life_partman -c "DELETE FROM event WHERE item = 'early'"
check 'refresh of dropped rows' 'ERROR:  55000' "$(sql life_partman -c "SELECT topk.refresh('event', now() - interval '10 days', now())")"
check 'refresh of rows that are there' 'copied=2 direct=6 early=1 routed=6' \
    "$(sql life_partman -c "DO \$\$BEGIN PERFORM topk.refresh('event', now() - interval '1 day', now() + interval '1 hour'); END\$\$" -c "SELECT counts('event')")"
check 'backfill keeps older counts' 'copied=2 direct=6 early=1 routed=6' \
    "$(sql life_partman -c "DO \$\$BEGIN PERFORM topk.backfill('event'); END\$\$" -c "SELECT counts('event')")"
check '... also after folding' 'copied=2 direct=6 early=1 routed=6' "$(sql life_partman -c 'DO $$BEGIN PERFORM fold_all(); END$$' -c "SELECT counts('event')")"

# Retention that keeps the tables: detached tables no longer count, and need no trigger
psql -d life_partman -c "UPDATE partman.part_config SET retention = '1 day', retention_keep_table = true" -c "SELECT partman.run_maintenance('public.event')" >/dev/null
detached="SELECT oid::regclass FROM pg_class WHERE relname LIKE 'event_p%' AND relkind = 'r' AND NOT relispartition ORDER BY relname"
check 'detached partitions' t "$(sql life_partman -c "SELECT count(*) > 0 FROM ($detached) AS d")"
check '... have no trigger' 0 "$(sql life_partman -c "SELECT count(*) FROM ($detached) AS d JOIN pg_trigger ON tgrelid = d.oid::oid")"
one=$(sql life_partman -c "$detached LIMIT 1")
check '... and do not count' 'copied=2 direct=6 early=1 routed=6' "$(sql life_partman -c "INSERT INTO $one (id, item) VALUES (1, 'detached')" -c "SELECT counts('event')")"
check 'no trigger is left without rollups' 0 "$(sql life_partman -c 'SELECT topk.drop_rollup($$event$$)' -c "SELECT count(*) FROM pg_trigger WHERE tgname = 'topk_capture'" | tail -1)"
psql -d postgres -c 'DROP DATABASE life_partman'
