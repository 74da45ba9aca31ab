"""The sources and rollups of the test, and the tables with the exact counts (the truth)."""
from dataclasses import dataclass

FOREVER = ('{"tile": "30 years", "hour": "30 years", "day": "30 years", "week": "30 years", "month": "30 years",'
           ' "snapshot": "30 years"}')
# Retention removes the hours of older days, and keeps the longer windows.
SHORT = ('{"tile": "2 days", "hour": "2 days", "day": "30 years", "week": "30 years", "month": "30 years",'
         ' "snapshot": "30 years"}')
LEVELS = {'hour': 1, 'day': 2, 'week': 3, 'month': 4, 'quarter': 5, 'year': 6}
PASSING = ('quarter', 'year')  # kinds of windows that rollups have for a while


@dataclass(frozen=True)
class Rollup:
    name: str
    source: str  # a relation; truth_<source> has the exact counts
    zone: str = 'UTC'
    grouped: bool = True
    weighted: bool = True
    windows: tuple = ('hour', 'day', 'week', 'month')
    exact: bool = True  # fewer distinct items than the capacity
    max_groups: int = 10000
    filter: str = None
    grain: str = '1 hour'
    retention: str = FOREVER
    backfill: bool = False
    capacity: int = None
    overflows: bool = False  # more groups than max_groups

    @property
    def weight(self):
        return 'w' if self.weighted else 'n'

    def create(self):
        options = {
            'item': 'item', 'event_time': 'ts', 'group_by': '{source}' if self.grouped else '{}',
            'windows': '{' + ','.join(self.windows) + '}', 'timezone': self.zone, 'weight': 'w' if self.weighted else None,
            'filter': self.filter, 'grain': self.grain, 'max_groups': str(self.max_groups), 'retention': self.retention,
            'accept_past': '10 years', 'accept_future': '1 day', 'backfill': str(self.backfill).lower(),
            'capacity': self.capacity and str(self.capacity),
        }
        given = ', '.join(f"{k} => '{v.replace(chr(39), chr(39) * 2)}'" for k, v in options.items() if v is not None)
        return f"SELECT topk.create_rollup('{self.name}', '{self.source}', {given})"


ROLLUPS = [
    Rollup('ev_berlin', 'ev', 'Europe/Berlin'),
    Rollup('ev_utc', 'ev', 'UTC', weighted=False, filter="item <> 'i0003'", grain='15 minutes'),
    Rollup('ev_short', 'ev', 'America/New_York', grouped=False, windows=('day', 'week', 'month'), retention=SHORT),
    Rollup('big', 'big', grouped=False, weighted=False, exact=False, windows=('hour', 'day', 'month'), capacity=200),
    Rollup('tab', 'tab', 'Europe/Berlin'),
    Rollup('part', 'part', 'Asia/Kolkata', max_groups=5, overflows=True),
    Rollup('swap', 'swap', 'Europe/Berlin'),
    # Thousands of groups, which come and go, and soon more than max_groups.
    Rollup('wide', 'wide', windows=('day',), weighted=False, max_groups=1500, overflows=True),
]
# It is created while writers insert, with a backfill of the rows that the table has.
LATE_ROLLUPS = [
    Rollup('tab_late', 'tab', 'UTC', weighted=False, backfill=True),
    Rollup('part_late', 'part', 'Europe/Berlin', grouped=False, windows=('day', 'month'), backfill=True),
]

# The events that a bulk load inserts, of the hot hours or of the last days: the columns of the source, and how a row is made.
HOT = ('item, ts, source, w', """
            'i' || lpad((random() * random() * 60)::int::text, 4, '0') AS item,
            (SELECT array_agg(ts) FROM hot)[1 + (random() * random() * 100)::int] + random() * interval '59 minutes' AS ts,
            's' || (random() * 4)::int AS source, (random() * 9)::bigint AS w""")
LOADS = {
    'ev': HOT,
    'swap': HOT,
    'tab': HOT,
    'part': (HOT[0], HOT[1].replace("'s' || (random() * 4)", "'p' || (random() * 11)")),
    'big': ('item, ts', """
            floor(exp(random() * 10))::bigint AS item,
            date_trunc('hour', now()) - floor(random() * random() * 70) * interval '1 hour' + random() * interval '59 minutes' AS ts,
            NULL::text AS source, 1::bigint AS w"""),
    'wide': ('item, ts, source', """
            'i' || (random() * random() * 40)::int AS item, now() - floor(random() * random() * 5) * interval '1 hour' AS ts,
            'w' || floor(extract(epoch FROM now())::bigint % 100000 * 20 + random() * 1000) AS source, 1::bigint AS w"""),
}
TABLES = ('tab', 'part')


def load(source, columns, event):
    """SQL: a procedure that inserts n events. The same statement counts those of a stream in the truth."""
    counted = f"""
    t AS (INSERT INTO truth SELECT '{source}', date_bin('15 minutes', ts, '2000-01-01'), source, item::text, count(*), sum(w)
          FROM e GROUP BY 2, 3, 4)"""
    return f"""CREATE PROCEDURE load_{source}(n int) LANGUAGE sql AS $$
    WITH e AS MATERIALIZED (
        SELECT{event}
        FROM generate_series(1, n)){'' if source in TABLES else ',' + counted}
    INSERT INTO {source} ({columns}) SELECT {columns} FROM e $$;"""


SCHEMA = """
CREATE EXTENSION pg_topk;
CREATE FOREIGN TABLE ev (item text, ts timestamptz, source text, w bigint) SERVER topk;
CREATE FOREIGN TABLE big (item bigint, ts timestamptz) SERVER topk;
CREATE FOREIGN TABLE wide (item text, ts timestamptz, source text) SERVER topk;
CREATE TABLE tab (item text, ts timestamptz, source text, w bigint);
-- A table and a stream that exchange their names, and the rollup follows the name.
CREATE TABLE swap (item text, ts timestamptz, source text, w bigint);
CREATE FOREIGN TABLE swap_other (ts timestamptz, source text, w bigint, item text) SERVER topk;
CREATE INDEX ON tab (ts);
CREATE TABLE part (item text, ts timestamptz, source text, w bigint) PARTITION BY RANGE (ts);
CREATE INDEX ON part (ts);
CREATE TABLE part_rest PARTITION OF part DEFAULT;
DO $$ BEGIN
    FOR i IN -2..0 LOOP
        EXECUTE format('CREATE TABLE part_%s PARTITION OF part FOR VALUES FROM (%L) TO (%L)', i + 2,
                       date_trunc('month', now()) + i * interval '1 month', date_trunc('month', now()) + (i + 1) * interval '1 month');
    END LOOP;
END $$;

-- The events that were committed to the streams, which keep no rows. The truth of a table is its rows.
CREATE TABLE truth (src text, bucket timestamptz, source text, item text, n bigint, w bigint);
CREATE INDEX ON truth (src, bucket);
CREATE TABLE rejected (n bigint);
CREATE VIEW truth_ev AS SELECT bucket AS ts, source, item, n, w FROM truth WHERE src = 'ev';
CREATE VIEW truth_swap AS SELECT bucket AS ts, source, item, n, w FROM truth WHERE src = 'swap';
CREATE VIEW truth_big AS SELECT bucket AS ts, source, item, n, w FROM truth WHERE src = 'big';
CREATE VIEW truth_wide AS SELECT bucket AS ts, source, item, n, w FROM truth WHERE src = 'wide';
CREATE VIEW truth_tab AS SELECT ts, source, item, 1::bigint AS n, w FROM tab WHERE item IS NOT NULL;
CREATE VIEW truth_part AS SELECT ts, source, item, 1::bigint AS n, w FROM part WHERE item IS NOT NULL;

-- Windows by PostgreSQL's own calendar. Zones here are off UTC by whole hours where they have summer time. timestamptz +
-- interval is STABLE, so these are STABLE too: the planner does not inline them otherwise.
CREATE FUNCTION window_start(kind text, t timestamptz, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE kind WHEN 'hour' THEN t - (t AT TIME ZONE zone - date_trunc('hour', t AT TIME ZONE zone))
           ELSE date_trunc(kind, t AT TIME ZONE zone) AT TIME ZONE zone END $$;
CREATE FUNCTION window_end(kind text, t timestamptz, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE kind WHEN 'hour' THEN window_start(kind, t, zone) + interval '1 hour'
           ELSE (date_trunc(kind, t AT TIME ZONE zone)
                 + CASE kind WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || kind)::interval END) AT TIME ZONE zone END $$;

-- Times of events: hours that are full of traps (month ends, changes to and from summer time), and the last days.
CREATE TABLE hot (ts timestamptz);
INSERT INTO hot
SELECT t FROM unnest(ARRAY['Europe/Berlin', 'America/New_York', 'UTC', 'Asia/Kolkata']) AS zone,
     generate_series(-1, 1) AS h,
     LATERAL (VALUES (date_trunc('month', now() AT TIME ZONE zone) AT TIME ZONE zone),
                     ((date_trunc('month', now() AT TIME ZONE zone) - interval '1 month') AT TIME ZONE zone),
                     (date_trunc('week', now() AT TIME ZONE zone) AT TIME ZONE zone),
                     (date_trunc('day', now() AT TIME ZONE zone) AT TIME ZONE zone)) AS v (b),
     LATERAL (SELECT date_trunc('hour', b) + h * interval '1 hour' AS t) AS x;
INSERT INTO hot
SELECT d + h * interval '1 hour'
FROM (SELECT t AS d FROM generate_series(date_trunc('hour', now()) - interval '9 months', now(), interval '1 hour') AS t
      WHERE (t AT TIME ZONE 'Europe/Berlin' - t AT TIME ZONE 'UTC')
         <> ((t - interval '1 hour') AT TIME ZONE 'Europe/Berlin' - (t - interval '1 hour') AT TIME ZONE 'UTC')) AS change,
     generate_series(-3, 2) AS h;
INSERT INTO hot SELECT date_trunc('hour', now()) - h * interval '1 hour' FROM generate_series(0, 30) AS h;
INSERT INTO hot SELECT date_trunc('hour', now()) - h * interval '19 hours' FROM generate_series(1, 40) AS h;

""" + '\n'.join(load(source, *events) for source, events in LOADS.items()) + """
-- A delta for each rollup and row: the log grows past the size at which its slots take turns.
CREATE PROCEDURE flood(n int) LANGUAGE plpgsql AS $$
DECLARE
    at CONSTANT timestamptz := (SELECT ts FROM hot ORDER BY random() LIMIT 1) + interval '7 minutes';
BEGIN
    FOR i IN 1..n LOOP
        INSERT INTO ev VALUES ('i0001', at, 's1', 2);
    END LOOP;
    INSERT INTO truth VALUES ('ev', date_bin('15 minutes', at, '2000-01-01'), 's1', 'i0001', n, 2 * n);
END $$;
-- Subtransactions: every second row is inserted twice, and once taken back.
CREATE PROCEDURE by_hand(n int) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz;
BEGIN
    FOR i IN 1..n LOOP
        at := (SELECT ts FROM hot ORDER BY random() LIMIT 1) + interval '7 minutes';
        BEGIN
            INSERT INTO ev VALUES ('i0001', at, 's1', 2);
            INSERT INTO tab VALUES ('i0001', at, 's1', 2);
            INSERT INTO truth VALUES ('ev', date_bin('15 minutes', at, '2000-01-01'), 's1', 'i0001', 1, 2);
            IF i % 2 = 0 THEN
                RAISE EXCEPTION 'taken back';
            END IF;
        EXCEPTION WHEN raise_exception THEN
            INSERT INTO ev VALUES ('i0002', at, NULL, 3);
            INSERT INTO truth VALUES ('ev', date_bin('15 minutes', at, '2000-01-01'), NULL, 'i0002', 1, 3);
        END;
    END LOOP;
END $$;
"""


def own_groups(r):
    """SQL: the groups that rollup r counts by themselves."""
    return f"SELECT g.grp FROM topk.group_key g JOIN topk.rollup r ON r.id = g.rollup WHERE r.name = '{r.name}'"


def truth_of(r):
    """SQL: the counts that rollup r should have, with its groups as keys. If the rollup has an overflow group, all groups must be
    registered already."""
    key = 'NULL::text[]'
    if r.grouped:
        key = 'ARRAY[source]'
        if r.overflows:
            key = f"CASE WHEN ARRAY[source] IN ({own_groups(r)}) THEN ARRAY[source] ELSE '{{}}' END"
    return f"SELECT ts, {key} AS grp, item, n, {r.weight} AS w FROM truth_{r.source} WHERE {r.filter or 'true'}"


def wrong_windows(r, level, sample=None):
    """SQL: windows and groups of a level whose events or weight differ from the truth; each row has the number of all windows."""
    by = 'GROUPING SETS ((start), (start, grp))' if r.grouped else 'start'
    key = 'CASE WHEN grouping(grp) = 0 THEN grp END' if r.grouped else 'NULL::text[]'
    limit = f'ORDER BY random() LIMIT {sample}' if sample else ''
    return f"""
    WITH windows AS MATERIALIZED (
        SELECT start, {key} AS grp, sum(n)::bigint AS n, sum(w)::bigint AS w
        FROM (SELECT window_start('{level}', ts, '{r.zone}') AS start, grp, n, w FROM ({truth_of(r)}) AS t) AS x
        GROUP BY {by} {limit}),
    compared AS MATERIALIZED (
        SELECT s.*, i.*, window_end('{level}', s.start, '{r.zone}') AS stop
        FROM windows AS s, topk.window_info('{r.name}', '{level}', s.start, s.grp) AS i)
    SELECT (SELECT count(*) FROM compared), * FROM compared
    WHERE (n, w, start, stop) IS DISTINCT FROM (events, weight, window_start, window_end)"""


def wrong_items(r, level, sample=None):
    """SQL: windows whose items differ from the truth: exact rollups must have the exact counts, others must keep their bounds."""
    by = 'GROUPING SETS ((start, item), (start, grp, item))' if r.grouped else 'start, item'
    key = 'CASE WHEN grouping(grp) = 0 THEN grp END' if r.grouped else 'NULL::text[]'
    limit = f'ORDER BY random() LIMIT {sample}' if sample else ''
    if r.exact:
        bad = '(t.w IS DISTINCT FROM a.count OR a.error <> 0)'
        kept = 'WHERE w > 0'
    else:  # each item of the top must be within its bounds
        bad = 'a.item IS NOT NULL AND NOT (a.count - a.error <= coalesce(t.w, 0) AND coalesce(t.w, 0) <= a.count)'
        kept = ''
    return f"""
    WITH items AS MATERIALIZED (
        SELECT start, {key} AS grp, item, sum(w)::bigint AS w
        FROM (SELECT window_start('{level}', ts, '{r.zone}') AS start, grp, item, w FROM ({truth_of(r)}) AS t) AS x
        GROUP BY {by}),
    windows AS MATERIALIZED (SELECT start, grp FROM items GROUP BY start, grp {limit}),
    answers AS MATERIALIZED (
        SELECT s.start, s.grp, a.* FROM windows AS s, topk.top('{r.name}', '{level}', s.start, 100, s.grp) AS a),
    wanted AS MATERIALIZED (
        SELECT i.* FROM items AS i JOIN windows AS s ON i.start = s.start AND i.grp IS NOT DISTINCT FROM s.grp {kept}),
    compared AS (
        SELECT coalesce(t.start, a.start) AS start, coalesce(t.grp, a.grp) AS grp, coalesce(t.item, a.item) AS item,
               t.w, a.count, a.error, {bad} AS bad
        FROM (SELECT *, coalesce(grp::text, '') AS g FROM wanted) AS t
        FULL JOIN (SELECT *, coalesce(grp::text, '') AS g FROM answers) AS a USING (start, g, item))
    SELECT (SELECT count(*) FROM windows), start, grp, item, w, count, error FROM compared WHERE bad"""


def sums_of_levels(r):
    """SQL: for each level, the events in its rows and those that are not merged into it yet, beside all events: no event is elsewhere."""
    return f"""
    WITH r AS (SELECT id FROM topk.rollup WHERE name = '{r.name}'),
    pending AS (SELECT coalesce(sum(events), 0) AS n
                FROM (SELECT * FROM topk.delta_0 UNION ALL SELECT * FROM topk.delta_1 UNION ALL SELECT * FROM topk.delta_2
                      UNION ALL SELECT * FROM topk.delta_3) AS d, r
                WHERE d.rollup = r.id AND d.scope IN ('r', 'a') AND isfinite(d.tile)),
    truth AS (SELECT coalesce(sum(n), 0) AS n, coalesce(sum(w), 0) AS w FROM ({truth_of(r)}) AS t)
    SELECT l.level,
           (SELECT coalesce(sum(events), 0) FROM topk.tile t, r
            WHERE t.rollup = r.id AND t.grp IS NULL AND (t.level = l.level OR (t.level = 0 AND NOT finished AND l.level <> 0)))
           + pending.n, truth.n
    FROM generate_series(0, 6) AS l (level), pending, truth
    WHERE EXISTS (SELECT FROM topk.tile t, r WHERE t.rollup = r.id AND t.level = l.level)"""


def wrong_snapshots(r):
    """SQL: snapshots of windows that are over, if they differ from the truth."""
    return f"""
    SELECT (SELECT count(*) FROM topk.snapshot s JOIN topk.rollup r ON r.id = s.rollup WHERE r.name = '{r.name}'), s.*
    FROM (SELECT s.window_kind, s.start, s.grp, s.events, s.weight FROM topk.snapshot s JOIN topk.rollup r ON r.id = s.rollup
          WHERE r.name = '{r.name}' AND NOT EXISTS (SELECT FROM topk.tile WHERE rollup = r.id AND level = 0 AND NOT finished
                                                    AND tile.stop <= now())) AS s
    LEFT JOIN ({' UNION ALL '.join(snapshot_truth(r, level) for level in r.windows)}) AS t
         ON s.window_kind = t.kind AND s.start = t.start AND coalesce(s.grp::text, '') = coalesce(t.grp::text, '')
    WHERE (s.events, s.weight) IS DISTINCT FROM (t.n, t.w)"""


def snapshot_truth(r, level):
    by = 'GROUPING SETS ((start), (start, grp))' if r.grouped else 'start'
    key = 'CASE WHEN grouping(grp) = 0 THEN grp END' if r.grouped else 'NULL::text[]'
    return f"""
        SELECT '{level}' AS kind, start, {key} AS grp, sum(n)::bigint AS n, sum(w)::bigint AS w
        FROM (SELECT window_start('{level}', ts, '{r.zone}') AS start, grp, n, w FROM ({truth_of(r)}) AS t) AS x
        GROUP BY {by}"""


def one_window(r, level, at, grp):
    """SQL: truth and answer for one window and group (a literal, or None for all groups), in one snapshot."""
    where = f"ts >= window_start('{level}', {at}, '{r.zone}') AND ts < window_end('{level}', {at}, '{r.zone}')"
    if grp is not None:
        where += f' AND grp = {grp}'
    return f"""
    SELECT t.n, t.w, i.events, i.weight
    FROM (SELECT coalesce(sum(n), 0)::bigint AS n, coalesce(sum(w), 0)::bigint AS w FROM ({truth_of(r)}) AS x WHERE {where}) AS t,
         topk.window_info('{r.name}', '{level}', {at}, {grp or 'NULL'}) AS i"""
