
-- Type cms

CREATE TYPE cms;

CREATE FUNCTION cms_in(input cstring)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_in';
COMMENT ON FUNCTION cms_in(cstring) IS
    'input function of type cms: \x and the stored bytes in hexadecimal; SQLSTATE 22P02 unless they are a valid state';

CREATE FUNCTION cms_out(state cms)
    RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_out';
COMMENT ON FUNCTION cms_out(cms) IS
    'output function of type cms: \x and the stored bytes in hexadecimal';

CREATE FUNCTION cms_recv(message internal)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_recv';
COMMENT ON FUNCTION cms_recv(internal) IS
    'binary input function of type cms; SQLSTATE 22P03 unless the bytes are a valid state';

CREATE FUNCTION cms_send(state cms)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_send';
COMMENT ON FUNCTION cms_send(cms) IS
    'binary output function of type cms: the stored bytes';

CREATE TYPE cms (
    INPUT = cms_in,
    OUTPUT = cms_out,
    RECEIVE = cms_recv,
    SEND = cms_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    -- The bytes are packed already; compressing them would cost each reader more than it saves.
    STORAGE = external
);
COMMENT ON TYPE cms IS
    'Count-Min sketch of a stream: an upper bound of any items weight in a fixed number of counters (Cormode, Muthukrishnan 2005)';

CREATE FUNCTION cms_from_bytea(bytes bytea)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_from_bytea';
COMMENT ON FUNCTION cms_from_bytea(bytea) IS
    'the state with these stored bytes; SQLSTATE 22P03 unless they are a valid state';

CREATE FUNCTION cms_to_bytea(state cms)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_to_bytea';
COMMENT ON FUNCTION cms_to_bytea(cms) IS
    'the stored bytes of a state';

CREATE CAST (bytea AS cms) WITH FUNCTION cms_from_bytea(bytea);
COMMENT ON CAST (bytea AS cms) IS 'checks every length, bound and invariant; SQLSTATE 22P03 unless the bytes are a valid state';
CREATE CAST (cms AS bytea) WITH FUNCTION cms_to_bytea(cms);
COMMENT ON CAST (cms AS bytea) IS 'the stored bytes';

-- Reading a Count-Min sketch

CREATE FUNCTION frequency(sketch cms, item text, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_text';
COMMENT ON FUNCTION frequency(cms, text) IS
    'weight of any item: upper is sure, lower = upper - error_bound holds with probability confidence; count is the upper bound';

CREATE FUNCTION frequency(sketch cms, item bigint, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_bigint';
COMMENT ON FUNCTION frequency(cms, bigint) IS
    'weight of any item: upper is sure, lower = upper - error_bound holds with probability confidence; count is the upper bound';

CREATE FUNCTION frequency(sketch cms, item uuid, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_uuid';
COMMENT ON FUNCTION frequency(cms, uuid) IS
    'weight of any item: upper is sure, lower = upper - error_bound holds with probability confidence; count is the upper bound';

CREATE FUNCTION frequency(sketch cms, item bytea, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_frequency_bytea';
COMMENT ON FUNCTION frequency(cms, bytea) IS
    'weight of any item: upper is sure, lower = upper - error_bound holds with probability confidence; count is the upper bound';

CREATE FUNCTION total(sketch cms)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_total';
COMMENT ON FUNCTION total(cms) IS
    'total weight counted, N; exact';

CREATE FUNCTION width(sketch cms)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_width';
COMMENT ON FUNCTION width(cms) IS
    'counters in a row';

CREATE FUNCTION depth(sketch cms)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_depth';
COMMENT ON FUNCTION depth(cms) IS
    'rows of counters';

CREATE FUNCTION error_bound(sketch cms)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_error_bound';
COMMENT ON FUNCTION error_bound(cms) IS
    'e / width * N, rounded up: how far a count exceeds the true weight at most, with probability confidence';

CREATE FUNCTION confidence(sketch cms)
    RETURNS double precision
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_confidence';
COMMENT ON FUNCTION confidence(cms) IS
    '1 - exp(-depth): probability that a single count keeps error_bound';

-- Making and changing a Count-Min sketch

CREATE FUNCTION cms_empty(width integer DEFAULT 10000, depth integer DEFAULT 5)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_empty';
COMMENT ON FUNCTION cms_empty(integer, integer) IS
    'a sketch without items: depth (1 to 64) rows of width (1 to 10000000) counters, at most 16777216 in all';

CREATE FUNCTION cms_add(sketch cms, item text)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_text';
COMMENT ON FUNCTION cms_add(cms, text) IS
    'the sketch with one more event; NULL if an argument is';

CREATE FUNCTION cms_add(sketch cms, item text, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_text';
COMMENT ON FUNCTION cms_add(cms, text, bigint) IS
    'the sketch with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION cms_add(sketch cms, item bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bigint';
COMMENT ON FUNCTION cms_add(cms, bigint) IS
    'the sketch with one more event; NULL if an argument is';

CREATE FUNCTION cms_add(sketch cms, item bigint, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bigint';
COMMENT ON FUNCTION cms_add(cms, bigint, bigint) IS
    'the sketch with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION cms_add(sketch cms, item uuid)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_uuid';
COMMENT ON FUNCTION cms_add(cms, uuid) IS
    'the sketch with one more event; NULL if an argument is';

CREATE FUNCTION cms_add(sketch cms, item uuid, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_uuid';
COMMENT ON FUNCTION cms_add(cms, uuid, bigint) IS
    'the sketch with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION cms_add(sketch cms, item bytea)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bytea';
COMMENT ON FUNCTION cms_add(cms, bytea) IS
    'the sketch with one more event; NULL if an argument is';

CREATE FUNCTION cms_add(sketch cms, item bytea, weight bigint)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_add_bytea';
COMMENT ON FUNCTION cms_add(cms, bytea, bigint) IS
    'the sketch with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION cms_merge(a cms, b cms)
    RETURNS cms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cms_merge';
COMMENT ON FUNCTION cms_merge(cms, cms) IS
    'the sketch of both streams, by adding cells; an error unless width, depth and seed agree';
