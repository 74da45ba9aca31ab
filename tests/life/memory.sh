# Items as long as an item may be, memory that runs out, and rows that are damaged

fresh life_memory
psql -d life_memory <<'SQL' >/dev/null
CREATE ROLE life_filler;
CREATE FOREIGN TABLE wide (item text, ts timestamptz) SERVER topk;
GRANT INSERT ON wide TO life_filler;
SELECT topk.create_rollup('wide', 'wide', 'item', 'ts', k => 10000);
CREATE TABLE truth AS
    SELECT 'short ' || i AS item, 1 + i % 7 + CASE WHEN i <= 100 THEN 1000 + i ELSE 0 END AS n FROM generate_series(1, 5000) AS i
    UNION ALL SELECT repeat(md5(i::text), 255), 1 FROM generate_series(1, 30000) AS i;
-- The promises of an answer that it does not keep
CREATE FUNCTION wrong(kind text, at timestamptz, times integer) RETURNS text LANGUAGE sql AS $$
    WITH entry AS MATERIALIZED (SELECT rank, item, count, error, guaranteed FROM topk.top('wide', kind, at, 10000)),
         exact AS (SELECT item, n * times AS n, rank() OVER (ORDER BY n DESC) FROM truth)
    SELECT concat_ws(', ', (SELECT 'entries' FROM entry HAVING count(*) < 1000),
                     (SELECT 'bounds ' || count(*) FROM entry AS e JOIN exact AS x USING (item) WHERE x.n NOT BETWEEN e.count - e.error AND e.count HAVING count(*) > 0),
                     (SELECT 'of no item ' || count(*) FROM entry AS e WHERE NOT EXISTS (SELECT FROM truth AS t WHERE t.item = e.item) HAVING count(*) > 0),
                     (SELECT 'left out ' || count(*) FROM exact AS x WHERE x.n > (SELECT min(count) FROM entry) AND NOT EXISTS (SELECT FROM entry AS e WHERE e.item = x.item) HAVING count(*) > 0),
                     (SELECT 'guaranteed ' || count(*) FROM entry AS e JOIN exact AS x USING (item) WHERE e.guaranteed AND x.rank > (SELECT count(*) FROM entry) HAVING count(*) > 0),
                     (SELECT 'the first 100' FROM entry WHERE rank <= 100 AND error = 0 HAVING count(*) <> 100),
                     (SELECT 'weight' FROM topk.window_info('wide', kind, at) WHERE weight <> (SELECT times * sum(n) FROM truth)))
$$;
GRANT SELECT ON truth TO life_filler;
SQL
now=$(sql life_memory -c "SELECT date_trunc('hour', now()) + interval '1 minute'")
old=$(sql life_memory -c "SELECT date_trunc('month', now()) - interval '10 days'")
# The most that this session has taken so far, without shared memory: in MB above what a new session takes
taken="SELECT round((substring(status FROM 'VmHWM:\\s*(\\d+)')::int - substring(status FROM 'RssShmem:\\s*(\\d+)')::int) / 1024) FROM pg_read_file('/proc/self/status') AS status"
# takes_less MB WHAT STATEMENT...: in a session of its own
takes_less() {
    local most=$1 what=$2 said
    shift 2
    said=$(sql life_memory "${@/#/-c}" -c "$taken" | tail -n 1)
    check "$what takes less than $most MB ($said)" t "$([ "$said" -lt "$most" ] && echo t)"
}
fill="INSERT INTO wide SELECT item, '%s' FROM truth, generate_series(1, n) WHERE %s"
takes_less 150 'short items' "$(printf "$fill" "$now" 'length(item) < 100')" "$(printf "$fill" "$old" 'length(item) < 100')"
takes_less 200 '30,000 items of 8,160 bytes, by a role that may insert alone' 'SET ROLE life_filler' "$(printf "$fill" "$now" 'length(item) > 100')" 'RESET ROLE'
takes_less 250 'an answer of the open hour' "SELECT FROM topk.top('wide', 'hour', '$now')"
expect '... keeps its promises' '' "SELECT wrong('hour', '$now', 1)"
takes_less 250 'another time' 'SET ROLE life_filler' "$(printf "$fill" "$old" 'length(item) > 100')" 'RESET ROLE'
takes_less 500 'a fold' 'CALL topk.run()'
takes_less 250 'an answer of a day that is folded' "SELECT FROM topk.top('wide', 'day', '$old')"
for kind in hour day month; do expect "the $kind keeps its promises" '' "SELECT wrong('$kind', '$old', 1)"; done
expect '... and the hour that is open' '' "SELECT wrong('hour', '$now', 1)"
takes_less 250 'late items' 'SET ROLE life_filler' "$(printf "$fill" "$old" 'true')" 'RESET ROLE'
takes_less 700 '... and their fold, into a window of each kind' 'CALL topk.run()'
for kind in hour week; do expect "the $kind keeps its promises" '' "SELECT wrong('$kind', '$old', 2)"; done
expect 'nothing was set aside' 0 'SELECT count(*) FROM topk.errors'
expect 'work_mem does not let a list grow beyond its bound' '' 'SET ROLE life_filler' "SET work_mem = '1GB'" "$(printf "$fill" "$now" 'length(item) > 100')" 'RESET ROLE' 'CALL topk.run()' \
    "SELECT 'count ' || count FROM topk.top('wide', 'hour', '$now', 1) WHERE count <> (SELECT max(n) FROM truth)"

# A fold for which there is no memory. COPY TO PROGRAM runs a child of the session's process, which limits its parent.
psql -d life_memory <<'SQL' >/dev/null
SELECT topk.discard('wide', '-infinity', 'infinity');
CREATE FOREIGN TABLE narrow (item text, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('narrow', 'narrow', 'item', 'ts');
CREATE FUNCTION limit_memory(mb integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT) TO PROGRAM %L', format('cat >/dev/null; prlimit --pid $PPID --as=$((($(sed -n ''s/^VmSize:[^0-9]*\([0-9]*\).*/\1/p'' /proc/$PPID/status) + %s * 1024) * 1024))', mb));
END$$;
SQL
sql life_memory -c "INSERT INTO wide SELECT item, '$old' FROM truth WHERE length(item) > 100" -c "INSERT INTO wide SELECT 'other hour', '$old'::timestamptz + interval '3 hours'" \
    -c "INSERT INTO narrow SELECT 'a', '$old'" >/dev/null
check 'without memory for a window, a fold sets it aside' 'WARNING:  53200' "$(sql life_memory -c 'SELECT FROM limit_memory(40)' -c 'CALL topk.run()' | sort -u)"
expect '... topk.errors names it' "wide|53200|tile|t" "SELECT DISTINCT rollup, sqlstate, window_kind, window_start = date_trunc('hour', '$old'::timestamptz) FROM topk.errors"
expect '... and all else goes on' 'other hour=1|a=1|1' "SELECT (SELECT string_agg(item || '=' || count, ' ') FROM topk.top('wide', 'hour', '$old'::timestamptz + interval '3 hours')), counts('narrow'), (SELECT count(*) FROM topk.tile AS t JOIN topk.rollup AS r ON r.id = t.rollup WHERE r.name = 'wide' AND level = 0)"
expect '... answers have the counts' '30000' "SELECT events FROM topk.window_info('wide', 'hour', '$old')"
expect 'discarding something else tries them again' '30000|30001|0' "SELECT FROM topk.discard('wide', '-infinity', '2000-01-01')" 'CALL topk.run()' "SELECT (SELECT events FROM topk.window_info('wide', 'hour', '$old')), events, (SELECT count(*) FROM topk.set_aside) FROM topk.rollups WHERE name = 'wide'"

# Damaged rows of the log: of a list, of a tally, and of a bundle of groups
psql -d life_memory <<'SQL' >/dev/null
CREATE FOREIGN TABLE damaged (item text, ts timestamptz, g text) SERVER topk;
SELECT topk.create_rollup('listed', 'damaged', 'item', 'ts'), topk.create_rollup('grouped', 'damaged', 'item', 'ts', group_by => '{g}'), topk.create_rollup('counted', 'damaged', 'item', 'ts', capacity => 10, k => 5, width => 16);
CREATE FUNCTION damage(rollups text[], query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := 0;
    rows bigint;
BEGIN
    FOR slot IN 0 .. 3 LOOP
        EXECUTE format('UPDATE topk.delta_%s AS d SET %s FROM topk.rollup AS r WHERE r.id = rollup AND r.name = ANY ($1)', slot, query) USING rollups;
        GET DIAGNOSTICS rows = ROW_COUNT;
        n := n + rows;
    END LOOP;
    RETURN n;
END$$;
SQL
for how in 'items = substring(items FOR 4)' "items = '\\xffffffff'" "items = ''" "items = items || '\\x00'"; do
    sql life_memory -c "INSERT INTO damaged SELECT 'lost ' || i, '$old', 'x' FROM generate_series(1, 20) AS i" >/dev/null
    expect "damaged: $how" 3 "SELECT damage('{listed,grouped,counted}', \$\$$how\$\$)"
    sql life_memory -c "INSERT INTO damaged VALUES ('here', '$old'::timestamptz + interval '3 hours', 'x'), ('here', '$old'::timestamptz + interval '4 hours', 'y')" >/dev/null
    check '... folds warn' 'WARNING:  XX001' "$(query life_memory 'CALL topk.run()' | sort -u)"
    expect '... topk.errors names rollup and window' 'counted grouped listed|t' "SELECT string_agg(DISTINCT rollup, ' ' ORDER BY rollup), bool_and(window_start = date_trunc('hour', '$old'::timestamptz)) FROM topk.errors WHERE rollup IN ('counted', 'grouped', 'listed') AND sqlstate ~ '^XX'"
    expect '... nothing of it waits' 0 "SELECT coalesce(sum(pending_events), 0) FROM topk.stats"
    expect '... an answer that needs it is an error' 'XX001|XX001|XX001|XX001' "SELECT sqlstate_of('SELECT topk.top(''listed'', ''hour'', ''$old'')'), sqlstate_of('SELECT topk.top(''grouped'', ''day'', ''$old'')'), sqlstate_of('SELECT topk.top(''grouped'', ''hour'', ''$old'', group_key => ''{x}'')'), sqlstate_of('SELECT topk.top(''counted'', ''hour'', ''$old'')')"
    expect '... others are right' '1|1|2|1' "SELECT (SELECT count FROM topk.top('listed', 'hour', '$old'::timestamptz + interval '3 hours')), (SELECT count FROM topk.top('grouped', 'hour', '$old'::timestamptz + interval '4 hours', group_key => '{y}')), (SELECT count FROM topk.range('counted', '$old'::timestamptz + interval '2 hours', '$old'::timestamptz + interval '5 hours')), (SELECT count FROM topk.range('grouped', '$old'::timestamptz + interval '2 hours', '$old'::timestamptz + interval '5 hours', group_key => '{x}'))"
    expect '... topk.discard is the way out' '0|2|2|2' "SELECT FROM topk.rollup, topk.discard(name, '-infinity', '$old'::timestamptz + interval '1 hour') WHERE name IN ('listed', 'grouped', 'counted')" 'CALL topk.run()' \
        "SELECT (SELECT count(*) FROM topk.set_aside), (SELECT sum(count) FROM topk.top('listed', 'day', '$old')), (SELECT sum(count) FROM topk.top('grouped', 'week', '$old')), (SELECT sum(count) FROM topk.top('counted', 'month', '$old'))"
    sql life_memory -c "SELECT FROM topk.rollup, topk.discard(name, '-infinity', 'infinity') WHERE name IN ('listed', 'grouped', 'counted')" -c 'CALL topk.run()' -c 'DELETE FROM topk.error_log' >/dev/null
done
psql -d postgres -c 'DROP DATABASE life_memory' -c 'DROP ROLE life_filler'
