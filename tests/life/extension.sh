# The extension is dropped and created again, in another schema, and in two databases at once

make_stream() { # DATABASE
    psql -d "$1" -c 'CREATE FOREIGN TABLE s (item text, ts timestamptz DEFAULT now(), g text) SERVER topk' \
        -c 'CREATE TABLE t (id serial PRIMARY KEY, item text, ts timestamptz DEFAULT now())' \
        -c "SELECT topk.create_rollup('s', 's', 'item', 'ts', group_by => '{g}'), topk.create_rollup('t', 't', 'item', 'ts')" \
        -c "INSERT INTO s (item, g) VALUES ('a', 'x'), ('b', 'y')" -c "INSERT INTO t (item) VALUES ('c'), ('c')" >/dev/null
}

fresh life_a
make_stream life_a
check 'DROP EXTENSION with streams and rollups' 'ERROR:  2BP01' "$(sql life_a -c 'DROP EXTENSION pg_topk')"
check '... has changed nothing' 'a=1 b=1|c=2' "$(sql life_a -c "SELECT counts('s'), counts('t')")"
# In an open session, whose caches have the old objects
check 'DROP EXTENSION CASCADE, and CREATE EXTENSION in the same session' 'a=1 b=1|c=2
before
0|1
ERROR:  3F000
a=1|c=1
a=1|c=1' "$(sql life_a <<'SQL'
SELECT counts('s'), counts('t');
PREPARE into_t AS INSERT INTO t (item) VALUES ('c');
SELECT 'before';
INSERT INTO t (item, ts) VALUES ('d', now() - interval '3 hours');
DO $$BEGIN PERFORM fold_all(); END$$;
DELETE FROM t WHERE item = 'd';
DROP EXTENSION pg_topk CASCADE;
SELECT count(*), (SELECT count(*) FROM pg_class WHERE relname = 't') FROM pg_trigger WHERE tgname = 'topk_capture';
EXECUTE into_t;
SELECT topk.create_rollup('x', 't', 'item', 'ts');
CREATE SCHEMA "Ext schema";
CREATE EXTENSION pg_topk SCHEMA "Ext schema";
CREATE FOREIGN TABLE s (item text, ts timestamptz DEFAULT now(), g text) SERVER topk;
DO $$BEGIN PERFORM topk.create_rollup('s', 's', 'item', 'ts'), topk.create_rollup('t', 't', 'item', 'ts'); END$$;
INSERT INTO s (item, ts) VALUES ('a', now() - interval '3 hours');
INSERT INTO t (item, ts) VALUES ('c', now() - interval '3 hours');
SELECT counts('s'), counts('t');
DO $$BEGIN PERFORM fold_all(); END$$;
SELECT counts('s'), counts('t');
SQL
)"
check 'the types are in the schema' "\"Ext schema\".spacesaving" \
    "$(sql life_a -c "SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'topk.tile'::regclass AND attname = 'summary'")"
check 'snapshots from another schema' 'c|1' "$(sql life_a -c "SELECT item, count FROM topk.snapshots WHERE rollup = 't' AND window_kind = 'hour'")"
check 'sketches from another schema' 2 "$(sql life_a -c "SET search_path = \"Ext schema\"" -c "SELECT total(spacesaving_agg(i, 10)) FROM (VALUES ('a'::text), ('b')) AS v (i)")"
check 'backfill and refresh with another schema' '4|4' "$(sql life_a -c "SELECT topk.backfill('t'), topk.refresh('t', now() - interval '1 day', now())")"
check 'topk.run() with another schema' 'c=4' "$(sql life_a -c 'CALL topk.run()' -c "SELECT counts('t')")"

fresh life_b
make_stream life_b
psql -d life_b -c "INSERT INTO s (item, g) VALUES ('b', 'y')"
check 'in two databases at once' 'a=1 b=2|c=2/a=1|c=4' "$(sql life_b -c "SELECT counts('s'), counts('t')")/$(sql life_a -c "SELECT counts('s'), counts('t')")"
check 'the extension stays where it was put' 'ERROR:  0A000' "$(sql life_b -c 'CREATE SCHEMA elsewhere' -c 'ALTER EXTENSION pg_topk SET SCHEMA elsewhere')"
check 'no second worker' 'ERROR:  42710' "$(sql life_b -c 'CREATE EXTENSION pg_topk')"
check 'DROP SERVER with a stream, DROP SCHEMA topk' 'ERROR:  2BP01
ERROR:  2BP01' "$(sql life_b -c 'DROP SERVER topk' -c 'DROP SCHEMA topk CASCADE')"
check 'DROP EXTENSION CASCADE twice' '' "$(sql life_b -c 'DROP EXTENSION pg_topk CASCADE' -c 'CREATE EXTENSION pg_topk' -c 'DROP EXTENSION pg_topk CASCADE')"
psql -d postgres -c 'DROP DATABASE life_a' -c 'DROP DATABASE life_b'
