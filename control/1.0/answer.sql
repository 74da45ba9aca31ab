
-- Functions that answer for a window or span of a rollup, and views of rollups

CREATE FUNCTION topk.qualified_name(rollup text)
    RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_qualified_name';
COMMENT ON FUNCTION topk.qualified_name(text) IS
    'returns the name of a rollup with its schema, each in double quotes if needed. An unqualified name is looked up in the schemas of search_path, as the name of a table is. Returns NULL if there is no such rollup. Raises SQLSTATE 42501 without USAGE on a schema that is given.';

CREATE FUNCTION topk.top(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                         group_key text[] DEFAULT NULL,
                         OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                         OUT share double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_top';
COMMENT ON FUNCTION topk.top(text, text, timestamptz, integer, text[]) IS
    'returns the k (1 to 10000) items with the largest weight in the window (hour, day, week, month, quarter or year) that contains a time, by rank. count - error <= true weight <= count always holds, and the answer counts all events that the snapshot of the caller sees. Items with equal counts are in the order of the items. share is count divided by the weight of the window. metadata is the row of the item in the items table of the rollup, and NULL if policies of that table apply to the caller, or if the caller may ask by topk.grant_ask alone and has no SELECT on that table. Warns if retention has removed counts of the window and no level has all of them. group_key has the values of the group expressions; it is NULL for all groups together, and {} for the groups beyond max_groups. The caller needs the right to ask the rollup for that (topk.grant_ask, topk.may_read, SQLSTATE 42501).';

CREATE FUNCTION topk.range(rollup text, since timestamptz, until timestamptz, k integer DEFAULT 10, group_key text[] DEFAULT NULL,
                           OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                           OUT share double precision, OUT metadata jsonb, OUT window_start timestamptz, OUT window_end timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_range';
COMMENT ON FUNCTION topk.range(text, timestamptz, timestamptz, integer, text[]) IS
    'like topk.top, for a span: from since to until; either may be infinite. It counts whole tiles, from window_start to window_end. Where since or until lies inside of a tile, the part of the tile that sticks out is in the bounds: count - error <= weight in the span <= count. An until that is not in the past stands for the end of its tile. It adds up the longest windows in the span whose counts retention has kept. Warns, with the first such span, if counts of a part of the span are gone in all levels.';

CREATE FUNCTION topk.last(rollup text, length interval, k integer DEFAULT 10, group_key text[] DEFAULT NULL,
                          OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                          OUT share double precision, OUT metadata jsonb, OUT window_start timestamptz, OUT window_end timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_last';
COMMENT ON FUNCTION topk.last(text, interval, integer, text[]) IS
    'topk.range from a time so long ago until now: of the last 60 minutes, 24 hours or 7 days. The first tile sticks out of that span, and the bounds have its part.';

CREATE FUNCTION topk.hot(rollup text, half_life interval, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                         group_key text[] DEFAULT NULL,
                         OUT rank integer, OUT item text, OUT count double precision, OUT error double precision,
                         OUT guaranteed boolean, OUT share double precision, OUT metadata jsonb, OUT window_start timestamptz,
                         OUT window_end timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_hot';
COMMENT ON FUNCTION topk.hot(text, interval, timestamptz, integer, text[]) IS
    'returns the k (1 to 10000) items with the largest decayed weight at a time: an event counts its weight times 2 ^ (-age / half_life). It counts everything that retention has kept, from window_start on. count - error <= decayed weight <= count always holds: the age of an event is known up to the length of its tile (of a longer window, for old events), and both bounds allow for that. guaranteed is true if no item outside of the answer has a larger decayed weight. Events that are dated after now count as of now. Nodes (topk.add_node) answer with one sum for each window. Otherwise like topk.top.';

CREATE FUNCTION topk.heavy_hitters(rollup text, window_kind text, share double precision, at timestamptz DEFAULT pg_catalog.now(),
                                   group_key text[] DEFAULT NULL,
                                   OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                                   OUT item_share double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_rollup_heavy_hitters';
COMMENT ON FUNCTION topk.heavy_hitters(text, text, double precision, timestamptz, text[]) IS
    'returns all items that may have at least a share (above 0, at most 1) of the weight of the window that contains a time; guaranteed is true for those that surely have it. Warns if an item may be missing, because an item that the summary does not monitor can reach the share. Otherwise like topk.top.';

CREATE FUNCTION topk.frequency(rollup text, item text, window_kind text, at timestamptz DEFAULT pg_catalog.now(),
                               group_key text[] DEFAULT NULL,
                               OUT count bigint, OUT lower bigint, OUT upper bigint, OUT rank integer, OUT estimate bigint)
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_rollup_frequency';
COMMENT ON FUNCTION topk.frequency(text, text, text, timestamptz, text[]) IS
    'returns bounds of the weight of one item, monitored or not, in the window that contains a time: lower <= true weight <= upper always holds. upper is the smaller of the upper bounds of the Space-Saving summary and the Count-Min sketch, lower is the lower bound of the summary, and count equals upper. rank is the rank in topk.top, NULL if the summary does not monitor the item. estimate is the most likely weight, between lower and upper: what the sketch shows for items that never occurred is subtracted from the bound of a rare item (after Deng and Rafiei, 2007). The item is given as text, whatever its type.';

CREATE FUNCTION topk.trending(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                              min_count bigint DEFAULT 1, group_key text[] DEFAULT NULL, relative boolean DEFAULT false,
                              min_score double precision DEFAULT 0,
                              OUT rank integer, OUT item text, OUT count bigint, OUT previous bigint,
                              OUT growth_rate double precision, OUT score double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_trending';
COMMENT ON FUNCTION topk.trending(text, text, timestamptz, integer, bigint, text[], boolean, double precision) IS
    'returns the k (1 to 10000) items that grew most surely between the previous window and the window that contains a time, by score. If that window is not over, it is compared with the same elapsed share of the previous one. growth_rate is (count - previous) / previous, NULL for a new item. score is the growth in standard deviations: the signed root of the likelihood-ratio statistic of two Poisson counts (Dunning 1993), computed from the lower bound now and the upper bound before. With relative, score and growth_rate are of the share of an item in the weight of the window, so that growth of all traffic is no trend; there are no rows if nothing was counted before. Only items with a score above 0, of at least min_score, and a count of at least min_count are returned.';

CREATE FUNCTION topk.series(rollup text, item text, window_kind text, since timestamptz, until timestamptz DEFAULT pg_catalog.now(),
                            group_key text[] DEFAULT NULL,
                            OUT window_start timestamptz, OUT window_end timestamptz, OUT count bigint, OUT lower bigint,
                            OUT upper bigint, OUT complete boolean)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'topk_series';
COMMENT ON FUNCTION topk.series(text, text, text, timestamptz, timestamptz, text[]) IS
    'returns bounds of the weight of one item in each window (at most 100000, SQLSTATE 54000) from the one that contains since to the last one that begins before until, in the order of time; also of windows in which nothing was counted. lower <= true weight <= upper always holds, and count equals upper, as in topk.frequency. complete is false if retention has removed counts of the window and no level has all of them.';

CREATE FUNCTION topk.history(rollup text, window_kind text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT 'infinity',
                             k integer DEFAULT 10, group_key text[] DEFAULT NULL,
                             OUT window_start timestamptz, OUT window_end timestamptz, OUT rank integer, OUT item text,
                             OUT count bigint, OUT error bigint, OUT guaranteed boolean, OUT share double precision,
                             OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_history';
COMMENT ON FUNCTION topk.history(text, text, timestamptz, timestamptz, integer, text[]) IS
    'returns the top k of windows that are over, in the order of time: from the window that contains since (NULL: ten windows before until, or before now) to the last one that begins before until. It reads their snapshots, which have at most the k items of the rollup and are kept as long as its retention says. Otherwise like topk.top.';

CREATE FUNCTION topk.window_info(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(),
                                 group_key text[] DEFAULT NULL,
                                 OUT window_start timestamptz, OUT window_end timestamptz, OUT events bigint, OUT weight bigint,
                                 OUT distinct_items bigint, OUT error_bound bigint, OUT complete boolean,
                                 OUT nodes integer, OUT missing_nodes text[], OUT since timestamptz)
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_window_info';
COMMENT ON FUNCTION topk.window_info(text, text, timestamptz, text[]) IS
    'returns the start and end of the window that contains a time, its events and weight (exact), its number of distinct items (exact if error_bound is 0, otherwise the estimate of HyperLogLog, with a standard error of 0.8 %), and in error_bound the largest weight that an item can have that the summary does not monitor. complete is false if retention has removed counts of the window and no level has all of them; then the other columns are of what is left. nodes is the number of databases that the answer is of: 1, and one for each node (topk.add_node) that has answered. missing_nodes has the others, which pg_topk.allow_partial tolerates; complete is false then too. since is the time from which on the rollup has counted all events of this database: its creation, or the start of what topk.backfill has counted; events of an earlier time count as far as they were inserted since then.';

CREATE FUNCTION topk.window_state(rollup text, since timestamptz[], until timestamptz[], group_key text[] DEFAULT NULL,
                                  content text DEFAULT 'summary', item text DEFAULT NULL,
                                  OUT part integer, OUT events bigint, OUT weight bigint, OUT summary @extschema@.spacesaving,
                                  OUT sketch @extschema@.cms, OUT registers bytea, OUT lost_since timestamptz,
                                  OUT lost_until timestamptz, OUT unassigned bigint, OUT lower bigint, OUT upper bigint,
                                  OUT estimate bigint, OUT identity text, OUT absorbed text[])
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1
    AS 'MODULE_PATHNAME', 'topk_window_state';
COMMENT ON FUNCTION topk.window_state(text, timestamptz[], timestamptz[], text[], text, text) IS
    'returns what this database alone has counted in each of 1 to 1000 spans (since[part] to until[part], whole tiles), for another database that merges it: events, weight and the summary, NULL without events. With content distinct it adds the HyperLogLog registers, and with content sketch the Count-Min sketch too; both are NULL while the summary is exact. lost_since to lost_until is the first span whose counts retention has removed. unassigned is the number of events of the overflow group if group_key has no counts of its own, as some may be of that group; at most 1 for a caller who may ask for some groups alone. lower, upper and estimate are the bounds of the item, if one is given (topk.frequency). identity names the database: the system identifier of its cluster, and its OID. absorbed has the identities of databases whose counts of the rollup are among these (topk.absorb). Otherwise like topk.range.';

CREATE FUNCTION topk.counted_windows(rollup text, window_kind text, since timestamptz DEFAULT '-infinity',
                                     until timestamptz DEFAULT 'infinity', group_key text[] DEFAULT NULL,
                                     OUT window_start timestamptz, OUT window_end timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'topk_counted_windows';
COMMENT ON FUNCTION topk.counted_windows(text, text, timestamptz, timestamptz, text[]) IS
    'returns the windows of a kind that are over and of which this database alone may have counts, in the order of time: from the window that contains since to the last one that begins before until. Another database asks it for topk.history. Otherwise like topk.top.';

CREATE FUNCTION topk.window_bounds(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(),
                                   OUT window_start timestamptz, OUT window_end timestamptz)
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_window_bounds';
COMMENT ON FUNCTION topk.window_bounds(text, text, timestamptz) IS
    'returns the start (included) and the end (not included) of the window that contains a time; it reads no counts';

CREATE FUNCTION topk.read_window(rollup text, window_kind text, at timestamptz, k integer, group_key text[], compared boolean,
                                 OUT window_start timestamptz, OUT window_end timestamptz, OUT events bigint, OUT weight bigint,
                                 OUT distinct_items bigint, OUT error_bound bigint, OUT complete boolean,
                                 OUT nodes integer, OUT missing_nodes text[], OUT since timestamptz, OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                                 OUT share double precision, OUT metadata jsonb, OUT previous_rank integer)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_read_window';
COMMENT ON FUNCTION topk.read_window(text, text, timestamptz, integer, text[], boolean) IS
    'support function of topk.leaderboard, topk.chart and topk_api.get_topk: returns topk.window_info and topk.top in one pass over the counts. Each row has an item; an empty window has one row without an item. previous_rank is NULL unless compared is true.';

CREATE FUNCTION topk.leaderboard(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                                 group_key text[] DEFAULT NULL,
                                 OUT rank integer, OUT previous_rank integer, OUT item text, OUT count bigint, OUT error bigint,
                                 OUT guaranteed boolean, OUT share double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
BEGIN ATOMIC
    SELECT w.rank, w.previous_rank, w.item, w.count, w.error, w.guaranteed, w.share, w.metadata
    FROM topk.read_window(rollup, window_kind, at, k, group_key, true) AS w
    WHERE w.rank IS NOT NULL
    ORDER BY w.rank;
END;
COMMENT ON FUNCTION topk.leaderboard(text, text, timestamptz, integer, text[]) IS
    'like topk.top, with the rank that each item had in the previous window. previous_rank is NULL if the item was not among the first 10 * k (at least 100) items there. If retention has removed that window, its snapshot stands for it.';

CREATE FUNCTION topk.top_by_group(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                                  OUT group_key text[], OUT rank integer, OUT item text, OUT count bigint, OUT error bigint,
                                  OUT guaranteed boolean, OUT share double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'topk_top_by_group';
COMMENT ON FUNCTION topk.top_by_group(text, text, timestamptz, integer) IS
    'returns the answer of topk.top for every group that has counts in the window that contains a time, the overflow group {} included. The rows of a group are in the order of rank; the groups are in no particular order. A caller who may ask for some groups alone (topk.grant_ask) gets these. Raises SQLSTATE 22023 if the rollup has no groups.';

CREATE FUNCTION topk.summary(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), group_key text[] DEFAULT NULL)
    RETURNS @extschema@.spacesaving
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_summary';
COMMENT ON FUNCTION topk.summary(text, text, timestamptz, text[]) IS
    'returns the summary of the window that contains a time, to merge, store or ask; a summary without items if nothing was counted. Warns if retention has removed counts of the window and no level has all of them.';

CREATE FUNCTION topk.sketch(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), group_key text[] DEFAULT NULL)
    RETURNS @extschema@.cms
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_sketch';
COMMENT ON FUNCTION topk.sketch(text, text, timestamptz, text[]) IS
    'returns the Count-Min sketch of the window that contains a time, with the width and depth of the rollup. Raises SQLSTATE 55000 if the rollup has width 0. Otherwise like topk.summary.';

CREATE FUNCTION topk.range_summary(rollup text, since timestamptz, until timestamptz, group_key text[] DEFAULT NULL)
    RETURNS @extschema@.spacesaving
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_range_summary';
COMMENT ON FUNCTION topk.range_summary(text, timestamptz, timestamptz, text[]) IS
    'like topk.summary, for the tiles from the one that contains since to the last one before until; either may be infinite. A notice names the span if since or until lies inside of a tile.';

CREATE FUNCTION topk.range_sketch(rollup text, since timestamptz, until timestamptz, group_key text[] DEFAULT NULL)
    RETURNS @extschema@.cms
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_range_sketch';
COMMENT ON FUNCTION topk.range_sketch(text, timestamptz, timestamptz, text[]) IS
    'like topk.sketch, for the tiles from the one that contains since to the last one before until; either may be infinite. A notice names the span if since or until lies inside of a tile.';

CREATE VIEW topk.rollups AS
    SELECT r.schema, r.name, r.source, r.item, r.time AS event_time, r.group_by, r.weight, r.filter, r.windows, r.grain, r.timezone, r.k,
           r.capacity, r.width, r.depth, r.max_groups, r.retention, r.accept_past, r.accept_future, r.metadata, r.metadata_key, r.created,
           coalesce(s.events, 0) + a.pending_events AS events,
           coalesce(s.weight, 0) + a.pending_weight AS total_weight,
           CASE WHEN a.rollup IS NOT NULL THEN coalesce(s.late, 0) END AS late,
           coalesce(s.rejected, 0) + a.pending_rejected AS rejected,
           CASE WHEN a.rollup IS NOT NULL THEN coalesce(s.overflowed, 0) END AS overflowed,
           CASE WHEN a.rollup IS NOT NULL THEN coalesce(s.folds, 0) END AS folds, s.last_fold, s.last_fold_duration,
           s.backfill, s.counted_since,
           CASE WHEN a.rollup IS NOT NULL THEN coalesce(s.failures, 0) END AS failures, s.retry_at,
           topk.is_capturing(r.source) AS capturing,
           CASE WHEN a.rollup IS NOT NULL THEN
               topk.has_worker() OR a.pending_events = 0
               OR coalesce(a.unseen, pg_catalog.clock_timestamp() - coalesce(s.last_fold, r.created)) < interval '1 hour' END AS folding,
           (SELECT pg_catalog.jsonb_object_agg(l.kind, l.until)
            FROM (SELECT q.kind, s.lost_until[CASE WHEN q.kind = text 'hour' AND r.grain = interval '1 hour' THEN 1
                                              ELSE pg_catalog.array_position('{tile,hour,day,week,month,quarter,year}'::text[], q.kind) END] AS until
                  FROM pg_catalog.unnest(r.windows) AS q (kind)) AS l
            WHERE pg_catalog.isfinite(l.until)) AS kept_since,
           k.askers
    FROM topk.readable_rollups() AS r
    LEFT JOIN topk.rollup_activity() AS a ON a.rollup = r.id
    LEFT JOIN topk.readable_states() AS s ON s.rollup = r.id
    LEFT JOIN (SELECT q.rollup, pg_catalog.array_agg(DISTINCT q.role COLLATE "C" ORDER BY q.role COLLATE "C") AS askers
               FROM topk.readable_askers() AS q GROUP BY q.rollup) AS k ON k.rollup = r.id;
COMMENT ON VIEW topk.rollups IS
    'the rollups that the user may ask, or all of them with the privileges of pg_monitor: the parameters of each, its totals, and the state of its folds and of its backfill. Totals and state are NULL for a user who may ask for some groups alone.';
COMMENT ON COLUMN topk.rollups.askers IS
    'the roles that topk.grant_ask lets ask, for everything or for some groups: all of them for a user who may ask for everything, and those of the user otherwise; NULL if there are none';
COMMENT ON COLUMN topk.rollups.schema IS 'schema of the rollup, which is that of its source';
COMMENT ON COLUMN topk.rollups.events IS 'accepted events, including those that wait in the delta log, as in topk.stats';
COMMENT ON COLUMN topk.rollups.total_weight IS 'weight of these events; a numeric, as it may be larger than a bigint';
COMMENT ON COLUMN topk.rollups.late IS 'events for tiles that were over when the events were folded';
COMMENT ON COLUMN topk.rollups.rejected IS 'events without a time, or with a time outside accept_past and accept_future, including those that wait in the delta log';
COMMENT ON COLUMN topk.rollups.overflowed IS 'events of groups beyond max_groups';
COMMENT ON COLUMN topk.rollups.backfill IS 'NULL if the rows from before the rollup were not asked for, otherwise wanted, running, done or failed';
COMMENT ON COLUMN topk.rollups.counted_since IS 'time from which on all events are counted: the creation of the rollup, or the start of what topk.backfill has counted';
COMMENT ON COLUMN topk.rollups.kept_since IS 'time from which on the windows of each kind are kept with all their counts, as {"month": "2026-10-01T00:00:00+00:00"}, for kinds of which retention has removed windows, and for those that topk.alter_rollup has added when counts were gone already; answers for earlier windows are made of shorter ones, as far as these are kept';
COMMENT ON COLUMN topk.rollups.folding IS 'false if events have waited for an hour to be folded, and no background worker runs in the database';
COMMENT ON COLUMN topk.rollups.failures IS 'failed folds since the last successful one; retry_at is the time of the next attempt';
COMMENT ON COLUMN topk.rollups.capturing IS 'whether rows that are inserted are counted: false if the capture trigger of the source, or of one of its partitions, is disabled or gone';
GRANT SELECT ON topk.rollups TO PUBLIC;

CREATE VIEW topk.streams AS
    SELECT c.oid::pg_catalog.regclass AS stream, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
           CASE WHEN topk.may_read(c.oid) OR c.oid IN (SELECT r.source::oid FROM topk.readable_rollups() AS r)
                THEN ARRAY(SELECT r.name FROM topk.readable_rollups() AS r WHERE r.source::oid = c.oid ORDER BY r.name)
           END AS rollups
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_foreign_table AS t ON t.ftrelid = c.oid
    JOIN pg_catalog.pg_foreign_server AS s ON s.oid = t.ftserver
    JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw AND w.fdwname = name 'topk';
COMMENT ON VIEW topk.streams IS 'the streams of the database';
COMMENT ON COLUMN topk.streams.rollups IS 'the rollups of the stream, as far as topk.rollups shows them to the user; {} if nothing counts what is inserted, and NULL if the user may ask none of them';
GRANT SELECT ON topk.streams TO PUBLIC;

CREATE FUNCTION topk.definition_of(rollup text)
    RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp SET IntervalStyle = postgres
AS $$
DECLARE
    statement text;
BEGIN
    SELECT format(E'SELECT topk.create_rollup(\n    %s\n);', string_agg(format('%s => %s', p.name, p.value), E',\n    ' ORDER BY p.place))
    INTO statement
    FROM topk.readable_rollups() AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_class AS m ON m.oid = r.metadata
    LEFT JOIN pg_namespace AS mn ON mn.oid = m.relnamespace
    CROSS JOIN LATERAL (VALUES
        (1, 'name', quote_literal(quote_ident(r.name))),
        (2, 'source', quote_literal(format('%I.%I', n.nspname, c.relname))),
        (3, 'item', quote_literal(r.item)),
        (4, 'event_time', quote_literal(r.time)),
        (5, 'group_by', nullif(quote_literal(r.group_by), quote_literal('{}'))),
        (6, 'windows', quote_literal(r.windows)),
        (7, 'k', r.k::text),
        (8, 'weight', quote_literal(r.weight)),
        (9, 'filter', quote_literal(r.filter)),
        (10, 'grain', quote_literal(r.grain)),
        (11, 'timezone', quote_literal(r.timezone)),
        (12, 'capacity', r.capacity::text),
        (13, 'width', r.width::text),
        (14, 'depth', r.depth::text),
        (15, 'max_groups', r.max_groups::text),
        (16, 'retention', quote_literal(r.retention)),
        (17, 'accept_past', quote_literal(r.accept_past)),
        (18, 'accept_future', quote_literal(r.accept_future)),
        (19, 'metadata', CASE WHEN m.oid IS NOT NULL THEN quote_literal(format('%I.%I', mn.nspname, m.relname)) END),
        (20, 'metadata_key', quote_literal(r.metadata_key))) AS p (place, name, value)
    WHERE format('%I.%I', r.schema, r.name) = definition_of.rollup AND p.value IS NOT NULL AND (p.name NOT LIKE 'metadata%' OR m.oid IS NOT NULL)
    HAVING count(*) > 0;
    IF statement IS NULL THEN
        PERFORM topk.window_info(rollup, 'hour'); -- raises that there is no such rollup, or that the user may not ask it
    END IF;
    RETURN statement;
END
$$;
COMMENT ON FUNCTION topk.definition_of(text) IS
    'support function of topk.definition: the name of the rollup has its schema';

-- The name is looked up by the search_path of the caller.
CREATE FUNCTION topk.definition(rollup text)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN topk.definition_of(coalesce(topk.qualified_name(rollup), rollup));
COMMENT ON FUNCTION topk.definition(text) IS
    'returns the call of topk.create_rollup that makes a rollup like this one, with all its parameters, so that it can be kept with the code of an application. The counts are not in it.';

CREATE VIEW topk.askers AS
    SELECT r.schema, r.name AS rollup, q.role, q.grp AS group_key
    FROM topk.readable_askers() AS q
    JOIN topk.readable_rollups() AS r ON r.id = q.rollup;
COMMENT ON VIEW topk.askers IS
    'the rights that topk.grant_ask gives: all of a rollup for those who may ask it for everything, and their own for others';
COMMENT ON COLUMN topk.askers.group_key IS 'the group that the role may ask for; NULL: for everything';
GRANT SELECT ON topk.askers TO PUBLIC;

CREATE FUNCTION topk.ask_grants(rollup text)
    RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
BEGIN ATOMIC
    SELECT pg_catalog.format('SELECT topk.grant_ask(%L, %L%s);', pg_catalog.format('%I.%I', q.schema, q.rollup),
                             pg_catalog.quote_ident(q.role), pg_catalog.format(CASE WHEN q.group_key IS NOT NULL THEN ', group_key => %L' ELSE '' END, q.group_key))
    FROM topk.askers AS q
    WHERE topk.definition(ask_grants.rollup) IS NOT NULL -- raises that there is no such rollup, or that the user may not ask it
      AND pg_catalog.format('%I.%I', q.schema, q.rollup) = topk.qualified_name(ask_grants.rollup)
    ORDER BY q.role COLLATE "C", q.group_key COLLATE "C" NULLS FIRST;
END;
COMMENT ON FUNCTION topk.ask_grants(text) IS
    'returns the calls of topk.grant_ask that give the rights to ask a rollup again, beside topk.definition, as far as topk.askers shows them to the user';

CREATE VIEW topk.groups AS
    SELECT r.schema, r.name AS rollup, g.grp AS group_key
    FROM topk.readable_rollups() AS r
    CROSS JOIN LATERAL topk.readable_groups(r.id) AS g;
COMMENT ON VIEW topk.groups IS 'the groups that have counts of their own and that the user may ask for; a group appears with the first fold of its events';
GRANT SELECT ON topk.groups TO PUBLIC;

CREATE VIEW topk.backfills AS
    SELECT r.schema, r.name AS rollup, p.since, p.until, p.left_until, p.events, coalesce(t.done / nullif(t.done + t.left, float8 '0'), 1) AS share_done,
           p.started, p.updated, p.spent * (t.left / nullif(t.done, float8 '0')) AS time_left
    FROM topk.readable_backfills() AS p
    JOIN topk.readable_rollups() AS r ON r.id = p.rollup
    -- An interval cannot be as long as the time from the first timestamp to the last one.
    CROSS JOIN LATERAL (SELECT pg_catalog.date_part('epoch', p.until) - pg_catalog.date_part('epoch', p.left_until) AS done,
                               pg_catalog.date_part('epoch', p.left_until) - pg_catalog.date_part('epoch', p.since) AS left) AS t;
COMMENT ON VIEW topk.backfills IS 'the last backfill in steps of each rollup that the user may ask for all groups: that of topk.create_rollup(..., backfill => true), or that of topk.backfill_in_steps';
COMMENT ON COLUMN topk.backfills.since IS 'beginning of the tile of the first row that is to be counted; until is the end of that of the last one';
COMMENT ON COLUMN topk.backfills.left_until IS 'steps go from until back to since: the time from since to here is not counted yet';
COMMENT ON COLUMN topk.backfills.share_done IS 'share of the time from since to until that is counted; 1 when the backfill is done';
COMMENT ON COLUMN topk.backfills.time_left IS 'how long the rest takes at the speed so far; NULL before the first step is done';
GRANT SELECT ON topk.backfills TO PUBLIC;

CREATE VIEW topk.snapshots AS
    SELECT r.schema, r.name AS rollup, s.window_kind, s.start AS window_start, s.stop AS window_end, s.grp AS group_key, s.events, s.weight,
           s.distinct_items, e.rank, e.item, e.count, e.error, e.guaranteed
    FROM topk.readable_rollups() AS r
    CROSS JOIN LATERAL topk.readable_snapshots(r.id) AS s
    CROSS JOIN LATERAL pg_catalog.unnest(s.entries) AS e;
COMMENT ON VIEW topk.snapshots IS 'the top k of each window that is over, one row for each item, of what the user may ask for; retention removes old ones';
GRANT SELECT ON topk.snapshots TO PUBLIC;

CREATE VIEW topk.errors AS
    SELECT e.at, r.schema, r.name AS rollup, e.sqlstate, e.message, ('{tile,hour,day,week,month,quarter,year}'::text[])[e.level + 1] AS window_kind,
           e.start AS window_start, e.stop AS window_end, e.grp AS group_key
    FROM topk.readable_errors() AS e
    JOIN topk.readable_rollups() AS r ON r.id = e.rollup;
COMMENT ON VIEW topk.errors IS 'the last 100 errors of folds and backfills, for each rollup that the user may ask for all groups; users with the privileges of pg_monitor see those of other rollups without message and group';
COMMENT ON COLUMN topk.errors.window_kind IS 'tile, hour, day, week, month, quarter or year if a window failed alone, with its start, end and group; NULL if a fold or backfill failed as a whole';
GRANT SELECT ON topk.errors TO PUBLIC;
