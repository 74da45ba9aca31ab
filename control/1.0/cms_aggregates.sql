
-- Aggregates on Count-Min

CREATE FUNCTION cms_combine(state cms, other cms)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_combine';
COMMENT ON FUNCTION cms_combine(cms, cms) IS
    'support function: merges two states';

CREATE FUNCTION cms_final(state cms)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_final';
COMMENT ON FUNCTION cms_final(cms) IS
    'support function: the state in its stored form';

CREATE FUNCTION cms_accum(state cms, item text)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_text';
COMMENT ON FUNCTION cms_accum(cms, text) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text) IS
    'Count-Min sketch of 5 rows of 10000 counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item text, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_text';
COMMENT ON FUNCTION cms_accum(cms, text, integer, integer) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, integer, integer) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item text, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_text';
COMMENT ON FUNCTION cms_accum(cms, text, integer, integer, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, integer, integer, bigint) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item text, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_text';
COMMENT ON FUNCTION cms_accum(cms, text, double precision, double precision) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, double precision, double precision) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item text, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_text';
COMMENT ON FUNCTION cms_accum(cms, text, double precision, double precision, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item text, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(text, double precision, double precision, bigint) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint) IS
    'Count-Min sketch of 5 rows of 10000 counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bigint, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, integer, integer) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, integer, integer) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bigint, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, integer, integer, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, integer, integer, bigint) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bigint, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, double precision, double precision) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, double precision, double precision) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bigint, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bigint';
COMMENT ON FUNCTION cms_accum(cms, bigint, double precision, double precision, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bigint, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bigint, double precision, double precision, bigint) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item uuid)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid) IS
    'Count-Min sketch of 5 rows of 10000 counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item uuid, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, integer, integer) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, integer, integer) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item uuid, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, integer, integer, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, integer, integer, bigint) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item uuid, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, double precision, double precision) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, double precision, double precision) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item uuid, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_uuid';
COMMENT ON FUNCTION cms_accum(cms, uuid, double precision, double precision, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item uuid, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(uuid, double precision, double precision, bigint) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bytea)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea) IS
    'Count-Min sketch of 5 rows of 10000 counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bytea, width integer, depth integer)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, integer, integer) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, width integer, depth integer) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, integer, integer) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bytea, width integer, depth integer, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, integer, integer, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, width integer, depth integer, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, integer, integer, bigint) IS
    'Count-Min sketch of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bytea, error double precision, confidence double precision)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, double precision, double precision) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, error double precision, confidence double precision) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, double precision, double precision) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence. NULL items are skipped; no rows give NULL';

CREATE FUNCTION cms_accum(state cms, item bytea, error double precision, confidence double precision, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_accum_error_bytea';
COMMENT ON FUNCTION cms_accum(cms, bytea, double precision, double precision, bigint) IS
    'support function of cms_agg: counts one event';

CREATE AGGREGATE cms_agg(item bytea, error double precision, confidence double precision, weight bigint) (
    SFUNC = cms_accum,
    STYPE = cms,
    SSPACE = 4096,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_agg(bytea, double precision, double precision, bigint) IS
    'Count-Min sketch whose counts exceed the true weight by at most error * N with probability confidence; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE AGGREGATE cms_merge_agg(sketch cms) (
    SFUNC = cms_combine,
    STYPE = cms,
    SSPACE = 65536,
    FINALFUNC = cms_final,
    COMBINEFUNC = cms_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE cms_merge_agg(cms) IS
    'the sketch of all streams together, by adding cells; an error unless width, depth and seed agree; NULLs are skipped; no rows give NULL';
