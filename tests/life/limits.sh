# Weights, items and groups at their limits; interrupted statements

fresh life_limits
fold='DO $$BEGIN PERFORM fold_all(); END$$'
psql -d life_limits <<'SQL' >/dev/null
CREATE TABLE t (item text, w bigint DEFAULT 1, ts timestamptz DEFAULT now() - interval '2 days', g text);
CREATE FOREIGN TABLE s (item text, w bigint DEFAULT 1, ts timestamptz DEFAULT now() - interval '2 days', g text, h integer) SERVER topk;
SELECT topk.create_rollup('w', 's', 'item', 'ts', weight => 'w', windows => '{hour}'), topk.create_rollup('t', 't', 'item', 'ts', weight => 'w');
SQL
most=9223372036854775807
expect 'the largest weight' "a=$most" "INSERT INTO s VALUES ('a', $most)" "SELECT counts('w')"
expect '... folded' "a=$most" "$fold" "SELECT counts('w')"
expect '... in the totals' "$most|1" "SELECT total_weight, events FROM topk.rollups WHERE name = 'w'"
expect 'too much in one statement: error, nothing counted' "ERROR:  22003
a=$most" "INSERT INTO s (item, w, ts) SELECT 'b', 4611686018427387904, now() - interval '5 days' FROM generate_series(1, 2)" "SELECT counts('w')"
expect '... nor of a table' "22003|0|" "SELECT sqlstate_of('INSERT INTO t (item, w) VALUES (''b'', 1), (''b'', $most)'), (SELECT count(*) FROM t), counts('t')"
expect '... nor in the counts of other rows of the statement' 22003 "SELECT sqlstate_of('INSERT INTO s (item, w, ts) SELECT ''c'' || i, CASE WHEN i < 99 THEN 1 ELSE $most END, now() - interval ''5 days'' FROM generate_series(1, 100) AS i')"
expect '... a savepoint before it' "ERROR:  22003
1|0" 'BEGIN' "INSERT INTO s (item, ts) VALUES ('d', now() - interval '10 days')" 'SAVEPOINT x' "INSERT INTO s (item, w, ts) VALUES ('e', 1, now() - interval '12 days'), ('e', $most, now() - interval '12 days')" 'ROLLBACK TO x' 'COMMIT' \
    "SELECT (topk.window_info('w', 'hour', now() - interval '10 days')).events, (topk.window_info('w', 'hour', now() - interval '12 days')).events"
expect 'totals are exact beyond the largest bigint' 36893488147419103229 "INSERT INTO s (item, w, ts) SELECT 'f', $most, now() - i * interval '1 day' FROM generate_series(20, 22) AS i" "$fold" "SELECT total_weight FROM topk.rollups WHERE name = 'w'"
expect 'negative weights, and none' '22023|22003|done' "SELECT sqlstate_of('INSERT INTO s (item, w) VALUES (''x'', -1)'), sqlstate_of('INSERT INTO s (item, w) VALUES (''x'', 9223372036854775808)'), outcome('INSERT INTO t (item, w) VALUES (''x'', NULL)')"
expect 'weight 0 is an event without weight' '2|0||0' "INSERT INTO t (item, w) VALUES ('zero', 0), ('zero', 0)" "SELECT (i).events, (i).weight, counts('t'), (i).distinct_items FROM (SELECT topk.window_info('t', 'month', now() - interval '2 days') AS i) AS x"
expect '... folded, and counted again' '2|0||0' "$fold" "SELECT 1 FROM topk.backfill('t') WHERE false" "$fold" "SELECT (i).events, (i).weight, counts('t'), (i).distinct_items FROM (SELECT topk.window_info('t', 'month', now() - interval '2 days') AS i) AS x"
expect 'a fold that would exceed it: a warning, and an error of the answers that need it' $'WARNING:  22003\ndone|22003|t=2' 'CREATE TABLE u (LIKE t INCLUDING ALL)' "DO \$\$BEGIN PERFORM topk.create_rollup('u', 'u', 'item', 'ts', weight => 'w'); END\$\$" "INSERT INTO u (item, w) VALUES ('x', $most)" \
    "INSERT INTO u (item, w) VALUES ('x', 1)" "INSERT INTO t (item, w) VALUES ('t', 2)" "SELECT sqlstate_of(format('SELECT topk.fold(%s)', id)), sqlstate_of('SELECT counts(''u'')'), counts('t') FROM topk.rollup WHERE name = 'u'"
expect '... until its rows are counted again without them' 'x=1' "DELETE FROM u WHERE w > 1" "DO \$\$BEGIN PERFORM topk.refresh('u', now() - interval '3 days', now()); END\$\$" "$fold" "SELECT counts('u')"

# Items
psql -d life_limits <<'SQL' >/dev/null
CREATE TABLE k (t text, v varchar(20), i bigint, j smallint, u uuid, b bytea, n numeric, ts timestamptz DEFAULT now() - interval '2 days', w integer DEFAULT 1);
SELECT topk.create_rollup('k_' || c, 'k', c, 'ts', weight => 'w', capacity => 50, k => 5) FROM unnest('{t,v,i,j,u,b,n}'::text[]) AS c;
INSERT INTO k (t, b) VALUES ('', ''), (repeat('x', 8191), convert_to(repeat('x', 8191), 'UTF8'));
SQL
expect 'items of length 0 and 8191' '0 8191|2 16384' "SELECT string_agg(length(item)::text, ' ' ORDER BY length(item)), (SELECT string_agg(length(item)::text, ' ' ORDER BY length(item)) FROM topk.top('k_b', 'day', now() - interval '2 days')) FROM topk.top('k_t', 'day', now() - interval '2 days')"
expect '... folded' '0 8191|2 16384' "$fold" "SELECT string_agg(length(item)::text, ' ' ORDER BY length(item)), (SELECT string_agg(length(item)::text, ' ' ORDER BY length(item)) FROM topk.top('k_b', 'day', now() - interval '2 days')) FROM topk.top('k_t', 'day', now() - interval '2 days')"
expect 'items of length 8192: the statement fails' '54000|54000|2' "SELECT sqlstate_of('INSERT INTO k (t) VALUES (''a''), (repeat(''x'', 8192))'), sqlstate_of('INSERT INTO k (b) VALUES (decode(repeat(''00'', 8192), ''hex''))'), count(*) FROM k"
expect 'many long items' '300' "INSERT INTO k (t) SELECT repeat(chr(64 + i % 30), 8000) || i FROM generate_series(1, 300) AS i" "$fold" "SELECT events - 2 FROM topk.window_info('k_t', 'day', now() - interval '2 days')"
psql -d life_limits -c 'TRUNCATE k' -c "SELECT topk.drop_rollup(name) FROM topk.rollup WHERE name ~ '^k_'" -c "SELECT topk.create_rollup('k_' || c, 'k', c, 'ts', weight => 'w', capacity => 50, k => 5) FROM unnest('{t,v,i,j,u,b,n}'::text[]) AS c" >/dev/null
# More items than the capacity, the first of which are frequent; in the log, folded, late, and counted again
insert_kinds="INSERT INTO k (t, v, i, j, u, b, n, w) SELECT 'é' || m, m, -9223372036854775807 + m, -32768 + m, md5(m::text)::uuid, decode(md5(m::text), 'hex'), m / 2.0, CASE WHEN m < 5 THEN 1000 - m ELSE 1 END FROM generate_series(0, 5000) AS i, LATERAL (SELECT i % 1000) AS x (m)"
wrong_kinds="SELECT string_agg(c || ' ' || rank, ' ' ORDER BY c, rank) FROM unnest('{t,v,i,j,u,b,n}'::text[]) AS c,
    LATERAL (SELECT m, ('é' || m) AS t, m::text AS v, (-9223372036854775807 + m)::text AS i, (-32768 + m)::text AS j, (md5(m::text)::uuid)::text AS u, '\\x' || md5(m::text) AS b, (m / 2.0)::text AS n FROM generate_series(0, 4) AS m) AS x,
    LATERAL (SELECT rank, item, count, error FROM topk.top('k_' || c, 'day', now() - interval '2 days', 5)) AS t,
    LATERAL (SELECT sum(w) AS exact, count(*) AS n FROM k WHERE k.t = x.t) AS e
    WHERE t.rank = x.m + 1 AND m < 4 AND (t.item <> (to_jsonb(x) ->> c) OR e.exact NOT BETWEEN t.count - t.error AND t.count)"
expect 'kinds of items: in the log' '' "$insert_kinds" "$wrong_kinds"
expect '... folded' '' "$fold" "$wrong_kinds"
expect '... late' '' "$insert_kinds" "$wrong_kinds"
expect '... counted again' '' "DO \$\$BEGIN PERFORM topk.backfill(name) FROM topk.rollup WHERE name ~ '^k_'; END\$\$" "$wrong_kinds"
expect '... folded again' '' "$fold" "$wrong_kinds"
expect '... all of them were counted' '7|10002|10002' "SELECT count(*), min((i).events), max((i).events) FROM (SELECT topk.window_info(name, 'month', now() - interval '2 days') AS i FROM topk.rollup WHERE name ~ '^k_') AS x"

# Groups
psql -d life_limits <<'SQL' >/dev/null
CREATE FOREIGN TABLE g (item text, ts timestamptz DEFAULT now() - interval '2 days', g text, h integer) SERVER topk;
SELECT topk.create_rollup('g', 'g', 'item', 'ts', group_by => '{g,h}', max_groups => 10000, windows => '{day}', width => 0, capacity => 10, k => 1);
INSERT INTO g (item, g, h) VALUES ('null', NULL, NULL), ('empty', '', NULL), ('text', 'NULL', 1), ('quotes', '{"a,b\"}', 2), ('comma', 'a,b', 3), ('space', ' ', 0), ('long', repeat('y', 1900), 1), ('too long', repeat('x', 100000), 1), ('é', 'é', -2147483648);
SQL
groups="SELECT string_agg(t.item || '=' || t.count, ' ' ORDER BY t.item COLLATE \"C\") FROM (VALUES (ARRAY[NULL, NULL]), (ARRAY['', NULL]), (ARRAY['NULL', '1']), (ARRAY['{\"a,b\\\"}', '2']), (ARRAY['a,b', '3']), (ARRAY[' ', '0']), (ARRAY[repeat('y', 1900), '1']), ('{}'), (ARRAY['é', '-2147483648'])) AS v (key),
    LATERAL topk.top('g', 'day', now() - interval '2 days', 10, key::text[]) AS t"
wanted='comma=1 empty=1 long=1 null=1 quotes=1 space=1 text=1 too long=1 é=1'
expect 'groups of odd values' "$wanted" "$groups"
expect '... folded' "$wanted" "$fold" "$groups"
expect '... in topk.groups' '8' "SELECT count(*) FROM topk.groups WHERE rollup = 'g' AND cardinality(group_key) = 2"
expect 'a group that there is not' 0 "SELECT count(*) FROM topk.top('g', 'day', now() - interval '2 days', 10, '{none,1}')"
expect '12,000 groups, 10,000 of them with counts of their own' '12009|10000|2009|9999' "INSERT INTO g (item, g, h) SELECT 'i', 'g' || i, i FROM generate_series(1, 12000) AS i" "$fold" \
    "SELECT (topk.window_info('g', 'day', now() - interval '2 days')).events, (SELECT count(*) FROM topk.groups WHERE rollup = 'g' AND group_key <> '{}'), (topk.window_info('g', 'day', now() - interval '2 days', '{}')).events,
        (SELECT count(*) - 1 FROM topk.tile AS t JOIN topk.rollup AS r ON r.id = t.rollup WHERE r.name = 'g' AND level = 2 AND grp IS NOT NULL AND grp <> '{}')"
expect '... one and all: sums' t "SELECT (SELECT sum(events) FROM topk.tile AS t JOIN topk.rollup AS r ON r.id = t.rollup WHERE r.name = 'g' AND level = 2 AND grp IS NOT NULL) = 12009 AND overflowed = 2009 FROM topk.rollups WHERE name = 'g'"

# Interrupted statements: each leaves everything unchanged, and the next one works.
psql -d life_limits <<'SQL' >/dev/null
CREATE TABLE big (item text, ts timestamptz, g text);
SELECT topk.create_rollup('big', 'big', 'item', 'ts', group_by => '{g}', capacity => 500);
SQL
# A pause in the middle, so that a cancellation arrives there
rows="SELECT 'i' || i % 4000 AS item, now() - i % 90 * interval '7 hours' AS ts, i % 50 AS g FROM generate_series(1, 60000) AS i"
state="SELECT (SELECT count(*) FROM big), coalesce(sum((topk.window_info('big', 'month', now() - i * interval '28 days')).events), 0), (SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM (SELECT start, grp, level, events FROM topk.tile WHERE rollup = (SELECT id FROM topk.rollup WHERE name = 'big')) AS t) FROM (VALUES (0)) AS v (i)"
interrupted() { # WHAT STATEMENT: cancels it ten times at random moments, by statement_timeout and by pg_cancel_backend
    local what=$1 statement=$2 i before after states=
    before=$(sql life_limits -c "$state")
    for ((i = 1; i <= 10; i++)); do
        states+=$(sql life_limits -c "SET statement_timeout = $((i * i))" -c "$statement" | grep -v '^[0-9]*$')
    done
    for ((i = 1; i <= 4; i++)); do
        sql life_limits -c "SET application_name = 'victim'" -c "/* victim */ $statement; " >>"$scratch/cancelled" &
        sleep "0.0$((i * 2))"
        psql -d life_limits -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active' AND query LIKE '/* victim%'" >/dev/null
        wait $!
    done
    check "$what: interrupted" yes "$([[ $states == *57014* ]] && [[ ${states//ERROR:  57014/} == '' ]] && echo yes || echo "$states")"
    after=$(sql life_limits -c "$state")
    case $what in
    INSERT | COPY) # some may have succeeded; then all their rows count
        check "$what: rows and counts" "$(cut -d'|' -f1 <<<"$after")" "$(sql life_limits -c "SELECT coalesce(sum((topk.window_info('big', 'month', m)).events), 0) FROM (SELECT DISTINCT date_trunc('month', ts) AS m FROM big) AS x")" ;;
    *) check "$what: nothing has changed, or all" yes "$([ "$(cut -d'|' -f1,2 <<<"$before")" = "$(cut -d'|' -f1,2 <<<"$after")" ] && echo yes || echo "$before, then $after")" ;;
    esac
}
sql life_limits -c "COPY ($rows) TO '$scratch/server/rows'" 
interrupted COPY "COPY big FROM '$scratch/server/rows'"
interrupted INSERT "INSERT INTO big $rows"
psql -d life_limits -c "INSERT INTO big $rows"
all=$(sql life_limits -c "SELECT count(*), count(DISTINCT (date_trunc('month', ts), g)) FROM big")
exact="SELECT (SELECT count(*) FROM big), count(DISTINCT (m, g)) FROM (SELECT date_trunc('month', ts) AS m, g, count(*) AS n FROM big GROUP BY 1, 2) AS e, LATERAL topk.window_info('big', 'month', m, ARRAY[g]) AS i WHERE i.events = e.n"
expect 'before folds' "$all" "$exact"
interrupted fold "SELECT topk.fold(id) IS NULL FROM topk.rollup WHERE name = 'big'"
expect 'after interrupted folds' "$all" "$exact"
expect 'after a fold' "$all" "$fold" "$exact"
interrupted backfill "SELECT topk.backfill('big')"
expect 'after interrupted backfills' "$all" "$exact"
interrupted refresh "SELECT topk.refresh('big', now() - interval '20 days', now())"
expect 'after all of it' "$all" "$fold" "SELECT FROM topk.backfill('big') WHERE false" "$fold" "$exact"
psql -d postgres -c 'DROP DATABASE life_limits'
