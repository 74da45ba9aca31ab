# Dumps that are restored into a database of another encoding: never invalid text, never a silent loss

chmod 777 "$scratch"
database() { # NAME ENCODING
    psql -d postgres -c "DROP DATABASE IF EXISTS life_$1" -c "CREATE DATABASE life_$1 ENCODING '$2' LOCALE 'C' TEMPLATE template0"
}
# The texts are written as bytes, whatever the encoding: items, groups and the names of a rollup.
make_source() { # ENCODING BYTES-OF-A-WORD
    database encodings "$2"
    psql -d life_encodings -c 'CREATE EXTENSION pg_topk' -f "$here/support.sql" -v word="$1" -f - <<'SQL' >/dev/null
CREATE TABLE word AS SELECT convert_from(decode(:'word', 'hex'), getdatabaseencoding()) AS w;
CREATE TABLE t (item text, ts timestamptz DEFAULT now(), g text, n integer);
CREATE TABLE many (item text, ts timestamptz DEFAULT now());
CREATE FOREIGN TABLE numbers (n bigint, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('exact', 't', 'item', 'ts', group_by => '{g}'), topk.create_rollup('ascii', 't', 'n::text', 'ts'),
       topk.create_rollup('full', 'many', 'item', 'ts', capacity => 5, k => 2, width => 0), topk.create_rollup('full_numbers', 'numbers', 'n', 'ts', capacity => 5, k => 2, width => 0);
INSERT INTO t SELECT w || i % 10, now() - i * interval '50 minutes', w, i % 10 FROM word, generate_series(1, 100) AS i;
INSERT INTO many SELECT w || i, now() - interval '3 hours' FROM word, generate_series(1, 5000) AS i;
INSERT INTO numbers SELECT i, now() - interval '3 hours' FROM generate_series(1, 5000) AS i;
CALL topk.run();
INSERT INTO t SELECT w, now(), w, 1 FROM word, generate_series(1, 3);
SQL
}
restore_into() { # ENCODING: prints what psql says
    database encoded "$1"
    PGOPTIONS='-c client_min_messages=warning' "$bindir/pg_dump" -d life_encodings -f "$scratch/encoded" && sql life_encoded -f "$scratch/encoded" | grep -v '^[0-9 ]*$'
}
# The items and groups of the exact rollup as bytes, and which rollups answer
in_bytes="SELECT string_agg(encode(convert_to(item, getdatabaseencoding()), 'hex') || '=' || n, ' ' ORDER BY n, item) FROM (SELECT item, sum(count) AS n FROM topk.range('exact', now() - interval '30 days', now() + interval '1 hour', 1000) GROUP BY 1) AS c WHERE n < 10
    UNION ALL SELECT encode(convert_to(group_key[1], getdatabaseencoding()), 'hex') FROM topk.groups WHERE rollup = 'exact'"
answering="SELECT string_agg(name || ' ' || sqlstate_of(format('SELECT topk.top(%L, ''month'')', name)), ', ' ORDER BY name COLLATE \"C\") FROM topk.rollups"
all_answer='ascii done, exact done, full done, full_numbers done'
PGCLIENTENCODING=

# LATIN1: café
make_source 636166e9 LATIN1
before=$(sql life_encodings -c "$answering")
check 'LATIN1: everything answers' "$all_answer" "$before"
check '... into LATIN1: nothing to convert' '' "$(restore_into LATIN1)"
check '... the same' $'636166e9=3\n636166e9' "$(sql life_encoded -c "$in_bytes")"
check '... and answers' "$all_answer" "$(sql life_encoded -c "$answering")"
check '... into UTF8: a warning for counts that are not exact' 'WARNING:  22P05' "$(restore_into UTF8 | sed 's,^psql:[^ ]* ,,')"
check '... exact counts are converted' $'636166c3a9=3\n636166c3a9' "$(sql life_encoded -c "$in_bytes")"
check '... pending ones too, and new ones are added to them' $'636166c3a9=4\n636166c3a9' "$(sql life_encoded -c 'INSERT INTO t SELECT w, now(), w, 1 FROM word' -c 'CALL topk.run()' -c "$in_bytes")"
check '... other rollups are whole' 'ascii done, exact done, full 55000, full_numbers done' "$(sql life_encoded -c "$answering")"
check '... the error says the encoding and the way' 't|t' "$(sql life_encoded -c "SELECT message ~ 'LATIN1.*UTF8', rollup = 'full' FROM topk.errors")"
check '... which leads out' 'ascii done, exact done, full done, full_numbers done' "$(sql life_encoded -c "DO \$\$BEGIN PERFORM topk.drop_rollup('full'), topk.create_rollup('full', 'many', 'item', 'ts', capacity => 5, k => 2, width => 0); PERFORM topk.backfill('full'); END\$\$" -c "$answering")"
check '... nothing is lost' t "$(sql life_encoded -c "SELECT events + error_bound > 5000 AND error_bound > 0 FROM topk.window_info('full', 'month', now() - interval '3 hours')")"
check '... as INSERT statements' 'WARNING:  22P05' "$(database encoded UTF8; "$bindir/pg_dump" --inserts -d life_encodings -f "$scratch/encoded"; sql life_encoded -f "$scratch/encoded" | grep -v '^[0-9 ]*$' | sed 's,^psql:[^ ]* ,,')"
check '... and the same' $'636166c3a9=3\n636166c3a9' "$(sql life_encoded -c "$in_bytes")"
check '... into SQL_ASCII: bytes stay as they are' '' "$(restore_into SQL_ASCII)"
check '... all of them' $'636166e9=3\n636166e9' "$(sql life_encoded -c "$in_bytes")"
check '... also those that are not exact' "$all_answer" "$(sql life_encoded -c "$answering")"

# UTF8: a word that LATIN1 can have, and one that it cannot
make_source 636166c3a9 UTF8
check 'UTF8 into LATIN1: a warning' 'WARNING:  22P05' "$(restore_into LATIN1 | sed 's,^psql:[^ ]* ,,')"
check '... exact counts are converted' $'636166e9=3\n636166e9' "$(sql life_encoded -c "$in_bytes")"
psql -d life_encodings -c "DELETE FROM t; DELETE FROM word" -c "INSERT INTO t VALUES (convert_from('\\xe697a5', 'UTF8'), now(), convert_from('\\xf09f98801f', 'UTF8'), 1)" -c 'DELETE FROM t' -c 'CALL topk.run()'
check '... characters that it lacks: other rollups are whole' $'WARNING:  22P05\nWARNING:  22P05' "$(restore_into LATIN1 | sed 's,^psql:[^ ]* ,,')"
check '... and those are refused' 'ascii done, exact 55000, full 55000, full_numbers done' "$(sql life_encoded -c "$answering")"
check '... UTF8 has them, beyond 16 bits too' $'e697a5=1\n636166c3a9=3' "$(restore_into UTF8; sql life_encoded -c "$in_bytes" | head -n 1 | tr ' ' '\n')"
check '... groups too' 1 "$(sql life_encoded -c "SELECT count(*) FROM topk.groups WHERE group_key[1] = convert_from('\\xf09f98801f', 'UTF8')")"

# SQL_ASCII: bytes that are UTF8, and bytes that are not
make_source 636166c3a9 SQL_ASCII
check 'SQL_ASCII into UTF8: valid bytes' '' "$(restore_into UTF8)"
check '... stay as they are' $'636166c3a9=3\n636166c3a9' "$(sql life_encoded -c "$in_bytes")"
check '... also those that are not exact' "$all_answer" "$(sql life_encoded -c "$answering")"
psql -d life_encodings -c "INSERT INTO t VALUES (convert_from('\\xe9', 'SQL_ASCII'), now(), convert_from('\\xe9', 'SQL_ASCII'), 1)" \
    -c "INSERT INTO many SELECT convert_from('\\xe9', 'SQL_ASCII'), now() - interval '3 hours' FROM generate_series(1, 9000)" -c 'DELETE FROM t; DELETE FROM many' -c 'CALL topk.run()'
check '... others: other rollups are whole' $'WARNING:  22P05\nWARNING:  22P05' "$(restore_into UTF8 | sed 's,^psql:[^ ]* ,,')"
check '... and those are refused' 'ascii done, exact 55000, full 55000, full_numbers done' "$(sql life_encoded -c "$answering")"
check '... into SQL_ASCII' '' "$(restore_into SQL_ASCII)"
check '... all answer' "$all_answer" "$(sql life_encoded -c "$answering")"

# A definition
database encodings UTF8
psql -d life_encodings -c 'CREATE EXTENSION pg_topk' -f "$here/support.sql" -f - <<'SQL' >/dev/null
CREATE TABLE t (item text, ts timestamptz DEFAULT now());
SELECT topk.create_rollup(convert_from('\xe697a5', 'UTF8'), 't', 'item', 'ts'), topk.create_rollup('plain', 't', 'item', 'ts');
INSERT INTO t VALUES ('a');
SQL
# The error is of a trigger, which has the name of the rollup.
check 'a name that the encoding lacks' $'WARNING:  22P05\nERROR:  22P05' "$(restore_into LATIN1 | sed 's,^psql:[^ ]* ,,')"
check '... other rollups are whole' 'plain|a=1' "$(sql life_encoded -c 'SELECT name, counts(name) FROM topk.rollups')"
export PGCLIENTENCODING=UTF8
psql -d postgres -c 'DROP DATABASE life_encodings' -c 'DROP DATABASE life_encoded'
