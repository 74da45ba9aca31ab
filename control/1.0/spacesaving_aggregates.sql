
-- Aggregates that count into a spacesaving summary: topk_agg, spacesaving_agg, and spacesaving_merge_agg, which merges summaries.
-- Each exists once for every item type, because Citus needs concrete argument types.

CREATE FUNCTION spacesaving_combine(state spacesaving, other spacesaving)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_combine';
COMMENT ON FUNCTION spacesaving_combine(spacesaving, spacesaving) IS
    'combine function: merges two states';

CREATE FUNCTION spacesaving_final(state spacesaving)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_final';
COMMENT ON FUNCTION spacesaving_final(spacesaving) IS
    'final function: returns the state in its stored form';

CREATE FUNCTION topk_final(state spacesaving)
    RETURNS topk_entry[]
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_final';
COMMENT ON FUNCTION topk_final(spacesaving) IS
    'final function of topk_agg: returns the top k of the state';

CREATE FUNCTION topk_accum(state spacesaving, item text, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_text';
COMMENT ON FUNCTION topk_accum(spacesaving, text, integer) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item text, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(text, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION topk_accum(state spacesaving, item text, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_text';
COMMENT ON FUNCTION topk_accum(spacesaving, text, integer, bigint) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item text, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(text, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item text, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_text';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, text, integer) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item text, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(text, integer) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item text, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_text';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, text, integer, bigint) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item text, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(text, integer, bigint) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION topk_accum(state spacesaving, item bigint, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bigint';
COMMENT ON FUNCTION topk_accum(spacesaving, bigint, integer) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bigint, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bigint, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION topk_accum(state spacesaving, item bigint, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bigint';
COMMENT ON FUNCTION topk_accum(spacesaving, bigint, integer, bigint) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bigint, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bigint, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bigint, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bigint';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bigint, integer) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bigint, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bigint, integer) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bigint, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bigint';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bigint, integer, bigint) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bigint, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bigint, integer, bigint) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION topk_accum(state spacesaving, item uuid, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_uuid';
COMMENT ON FUNCTION topk_accum(spacesaving, uuid, integer) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item uuid, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(uuid, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION topk_accum(state spacesaving, item uuid, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_uuid';
COMMENT ON FUNCTION topk_accum(spacesaving, uuid, integer, bigint) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item uuid, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(uuid, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item uuid, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_uuid';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, uuid, integer) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item uuid, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(uuid, integer) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item uuid, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_uuid';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, uuid, integer, bigint) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item uuid, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(uuid, integer, bigint) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION topk_accum(state spacesaving, item bytea, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bytea';
COMMENT ON FUNCTION topk_accum(spacesaving, bytea, integer) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bytea, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bytea, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION topk_accum(state spacesaving, item bytea, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bytea';
COMMENT ON FUNCTION topk_accum(spacesaving, bytea, integer, bigint) IS
    'transition function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bytea, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bytea, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array in the order of rank. The state has greatest(1000, 20 * k) counters. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bytea, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bytea';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bytea, integer) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bytea, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bytea, integer) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bytea, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bytea';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bytea, integer, bigint) IS
    'transition function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bytea, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bytea, integer, bigint) IS
    'the Space-Saving summary of the items, which monitors at most capacity (1 to 1000000) of them. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE AGGREGATE spacesaving_merge_agg(summary spacesaving) (
    SFUNC = spacesaving_combine,
    STYPE = spacesaving,
    SSPACE = 16384,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_merge_agg(spacesaving) IS
    'the summary of all streams together, with the smallest of their capacities. NULLs are skipped; without any other row the result is NULL.';
