
-- Aggregates that count into a cms sketch: cms_agg, and cms_merge_agg, which merges sketches.

CREATE FUNCTION cms_combine(state cms, other cms)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_combine';
COMMENT ON FUNCTION cms_combine(cms, cms) IS
    'combine function: merges two states';

CREATE FUNCTION cms_final(state cms)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_final';
COMMENT ON FUNCTION cms_final(cms) IS
    'final function: returns the state in its stored form';

CREATE FUNCTION cms_accum(state cms, item text)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_text';
COMMENT ON FUNCTION cms_accum(cms, text) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text) IS
    'the Count-Min sketch of the items, of 5 rows of 10000 counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item text, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_text';
COMMENT ON FUNCTION cms_accum(cms, text, integer, integer) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, integer, integer) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item text, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_text';
COMMENT ON FUNCTION cms_accum(cms, text, integer, integer, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, integer, integer, bigint) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item text, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_text';
COMMENT ON FUNCTION cms_accum(cms, text, double precision, double precision) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, double precision, double precision) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item text, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_text';
COMMENT ON FUNCTION cms_accum(cms, text, double precision, double precision, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, double precision, double precision, bigint) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint) IS
    'the Count-Min sketch of the items, of 5 rows of 10000 counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bigint, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, integer, integer) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, integer, integer) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bigint, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, integer, integer, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, integer, integer, bigint) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bigint, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, double precision, double precision) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, double precision, double precision) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bigint, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, double precision, double precision, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, double precision, double precision, bigint) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item uuid)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid) IS
    'the Count-Min sketch of the items, of 5 rows of 10000 counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item uuid, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, integer, integer) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, integer, integer) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item uuid, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, integer, integer, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, integer, integer, bigint) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item uuid, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, double precision, double precision) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, double precision, double precision) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item uuid, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, double precision, double precision, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, double precision, double precision, bigint) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bytea)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea) IS
    'the Count-Min sketch of the items, of 5 rows of 10000 counters. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bytea, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, integer, integer) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, integer, integer) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bytea, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, integer, integer, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, integer, integer, bigint) IS
    'the Count-Min sketch of the items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all. Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bytea, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, double precision, double precision) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, double precision, double precision) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Rows whose item is NULL are skipped; without any other row the result is NULL.';

CREATE FUNCTION cms_accum(state cms, item bytea, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, double precision, double precision, bigint) IS
    'transition function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, double precision, double precision, bigint) IS
    'the Count-Min sketch of the items, of the smallest size whose counts exceed the true weight by at most error * N with probability confidence (error and confidence between 0 and 1). Each row adds its weight (not negative). Rows whose item or weight is NULL are skipped; without any other row the result is NULL.';

CREATE AGGREGATE cms_merge_agg(sketch cms) (
    SFUNC = cms_combine,
    STYPE = cms,
    SSPACE = 65536,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_merge_agg(cms) IS
    'the sketch of all streams together, by adding counters; raises SQLSTATE 22023 unless width, depth and seed are equal. NULLs are skipped; without any other row the result is NULL.';
