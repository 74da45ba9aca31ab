
-- Type cms, and the functions that read and change a sketch.

CREATE TYPE cms;

CREATE FUNCTION cms_in(input cstring)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_in';
COMMENT ON FUNCTION cms_in(cstring) IS
    'input function of type cms: reads \x and the stored bytes in hexadecimal; raises SQLSTATE 22P02 unless they are a valid state';

CREATE FUNCTION cms_out(state cms)
    RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_out';
COMMENT ON FUNCTION cms_out(cms) IS
    'output function of type cms: writes \x and the stored bytes in hexadecimal';

CREATE FUNCTION cms_recv(message internal)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_recv';
COMMENT ON FUNCTION cms_recv(internal) IS
    'binary input function of type cms: reads the stored bytes; raises SQLSTATE 22P03 unless they are a valid state';

CREATE FUNCTION cms_send(state cms)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_send';
COMMENT ON FUNCTION cms_send(cms) IS
    'binary output function of type cms: writes the stored bytes';

CREATE TYPE cms (
    INPUT = cms_in,
    OUTPUT = cms_out,
    RECEIVE = cms_recv,
    SEND = cms_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    -- The bytes are packed already: compression would cost each reader more than it saves.
    STORAGE = external
);
COMMENT ON TYPE cms IS
    'Count-Min sketch of a stream: an upper bound of the weight of any item, in a fixed number of counters (Cormode, Muthukrishnan 2005)';

CREATE FUNCTION cms_from_bytea(bytes bytea)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_from_bytea';
COMMENT ON FUNCTION cms_from_bytea(bytea) IS
    'converts stored bytes to a sketch; raises SQLSTATE 22P03 unless they are a valid state';

CREATE FUNCTION cms_to_bytea(state cms)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_to_bytea';
COMMENT ON FUNCTION cms_to_bytea(cms) IS
    'returns the stored bytes of a sketch';

CREATE CAST (bytea AS cms) WITH FUNCTION cms_from_bytea(bytea);
COMMENT ON CAST (bytea AS cms) IS 'checks every length, bound and invariant; raises SQLSTATE 22P03 unless the bytes are a valid state';
CREATE CAST (cms AS bytea) WITH FUNCTION cms_to_bytea(cms);
COMMENT ON CAST (cms AS bytea) IS 'returns the stored bytes';

-- Functions that read a sketch

CREATE FUNCTION frequency(sketch cms, item text, OUT count bigint, OUT lower bigint, OUT upper bigint,
                          OUT estimate bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_text';
COMMENT ON FUNCTION frequency(cms, text) IS
    'returns bounds of the weight of any item: true weight <= upper always holds, lower = upper - error_bound <= true weight holds with probability confidence; count equals upper. estimate is the most likely weight: upper, less the median of what 63 items that never occurred show, unless upper is above all of these (after Deng and Rafiei, 2007)';

CREATE FUNCTION frequency(sketch cms, item bigint, OUT count bigint, OUT lower bigint, OUT upper bigint,
                          OUT estimate bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_bigint';
COMMENT ON FUNCTION frequency(cms, bigint) IS
    'returns bounds of the weight of any item: true weight <= upper always holds, lower = upper - error_bound <= true weight holds with probability confidence; count equals upper. estimate is the most likely weight: upper, less the median of what 63 items that never occurred show, unless upper is above all of these (after Deng and Rafiei, 2007)';

CREATE FUNCTION frequency(sketch cms, item uuid, OUT count bigint, OUT lower bigint, OUT upper bigint,
                          OUT estimate bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_uuid';
COMMENT ON FUNCTION frequency(cms, uuid) IS
    'returns bounds of the weight of any item: true weight <= upper always holds, lower = upper - error_bound <= true weight holds with probability confidence; count equals upper. estimate is the most likely weight: upper, less the median of what 63 items that never occurred show, unless upper is above all of these (after Deng and Rafiei, 2007)';

CREATE FUNCTION frequency(sketch cms, item bytea, OUT count bigint, OUT lower bigint, OUT upper bigint,
                          OUT estimate bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_bytea';
COMMENT ON FUNCTION frequency(cms, bytea) IS
    'returns bounds of the weight of any item: true weight <= upper always holds, lower = upper - error_bound <= true weight holds with probability confidence; count equals upper. estimate is the most likely weight: upper, less the median of what 63 items that never occurred show, unless upper is above all of these (after Deng and Rafiei, 2007)';

CREATE FUNCTION total(sketch cms)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_total';
COMMENT ON FUNCTION total(cms) IS
    'returns the total weight counted, N, which is exact';

CREATE FUNCTION width(sketch cms)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_width';
COMMENT ON FUNCTION width(cms) IS
    'returns the number of counters in a row of the sketch';

CREATE FUNCTION depth(sketch cms)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_depth';
COMMENT ON FUNCTION depth(cms) IS
    'returns the number of rows of the sketch';

CREATE FUNCTION error_bound(sketch cms)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_error_bound';
COMMENT ON FUNCTION error_bound(cms) IS
    'returns e / width * N, rounded up: with probability confidence, a count exceeds the true weight by no more than that';

CREATE FUNCTION confidence(sketch cms)
    RETURNS double precision
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_confidence';
COMMENT ON FUNCTION confidence(cms) IS
    'returns 1 - exp(-depth), the probability that one count keeps error_bound';

-- Functions that create and change a sketch

CREATE FUNCTION cms_empty(width integer DEFAULT 10000, depth integer DEFAULT 5)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_empty';
COMMENT ON FUNCTION cms_empty(integer, integer) IS
    'returns a sketch without items, of depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 counters in all';

CREATE FUNCTION cms_add(sketch cms, item text)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_text';
COMMENT ON FUNCTION cms_add(cms, text) IS
    'returns the sketch with one more event; NULL if an argument is NULL';

CREATE FUNCTION cms_add(sketch cms, item text, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_text';
COMMENT ON FUNCTION cms_add(cms, text, bigint) IS
    'returns the sketch with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION cms_add(sketch cms, item bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bigint';
COMMENT ON FUNCTION cms_add(cms, bigint) IS
    'returns the sketch with one more event; NULL if an argument is NULL';

CREATE FUNCTION cms_add(sketch cms, item bigint, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bigint';
COMMENT ON FUNCTION cms_add(cms, bigint, bigint) IS
    'returns the sketch with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION cms_add(sketch cms, item uuid)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_uuid';
COMMENT ON FUNCTION cms_add(cms, uuid) IS
    'returns the sketch with one more event; NULL if an argument is NULL';

CREATE FUNCTION cms_add(sketch cms, item uuid, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_uuid';
COMMENT ON FUNCTION cms_add(cms, uuid, bigint) IS
    'returns the sketch with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION cms_add(sketch cms, item bytea)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bytea';
COMMENT ON FUNCTION cms_add(cms, bytea) IS
    'returns the sketch with one more event; NULL if an argument is NULL';

CREATE FUNCTION cms_add(sketch cms, item bytea, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bytea';
COMMENT ON FUNCTION cms_add(cms, bytea, bigint) IS
    'returns the sketch with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION cms_merge(a cms, b cms)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_merge';
COMMENT ON FUNCTION cms_merge(cms, cms) IS
    'returns the sketch of both streams, by adding counters; raises SQLSTATE 22023 unless width, depth and seed are equal';
