-- Type spacesaving, the row type of its answers, and the functions that read and change a summary.

CREATE TYPE spacesaving;

CREATE FUNCTION spacesaving_in(input cstring)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_in';
COMMENT ON FUNCTION spacesaving_in(cstring) IS
    'input function of type spacesaving: reads \x and the stored bytes in hexadecimal; raises SQLSTATE 22P02 unless they are a valid state';

CREATE FUNCTION spacesaving_out(state spacesaving)
    RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_out';
COMMENT ON FUNCTION spacesaving_out(spacesaving) IS
    'output function of type spacesaving: writes \x and the stored bytes in hexadecimal';

CREATE FUNCTION spacesaving_recv(message internal)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_recv';
COMMENT ON FUNCTION spacesaving_recv(internal) IS
    'binary input function of type spacesaving: reads the stored bytes; raises SQLSTATE 22P03 unless they are a valid state';

CREATE FUNCTION spacesaving_send(state spacesaving)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_send';
COMMENT ON FUNCTION spacesaving_send(spacesaving) IS
    'binary output function of type spacesaving: writes the stored bytes';

CREATE TYPE spacesaving (
    INPUT = spacesaving_in,
    OUTPUT = spacesaving_out,
    RECEIVE = spacesaving_recv,
    SEND = spacesaving_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    -- The bytes are packed already: compression would cost each reader more than it saves.
    STORAGE = external
);
COMMENT ON TYPE spacesaving IS
    'Space-Saving summary of a stream: its heavy hitters in a fixed number of counters, each count with an error bound (Metwally, Agrawal, El Abbadi 2005)';

CREATE FUNCTION spacesaving_from_bytea(bytes bytea)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_from_bytea';
COMMENT ON FUNCTION spacesaving_from_bytea(bytea) IS
    'converts stored bytes to a summary; raises SQLSTATE 22P03 unless they are a valid state';

CREATE FUNCTION spacesaving_to_bytea(state spacesaving)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_to_bytea';
COMMENT ON FUNCTION spacesaving_to_bytea(spacesaving) IS
    'returns the stored bytes of a summary';

CREATE CAST (bytea AS spacesaving) WITH FUNCTION spacesaving_from_bytea(bytea);
COMMENT ON CAST (bytea AS spacesaving) IS 'checks every length, bound and invariant; raises SQLSTATE 22P03 unless the bytes are a valid state';
CREATE CAST (spacesaving AS bytea) WITH FUNCTION spacesaving_to_bytea(spacesaving);
COMMENT ON CAST (spacesaving AS bytea) IS 'returns the stored bytes';

CREATE TYPE topk_entry AS (
    rank integer,
    item text,
    count bigint,
    error bigint,
    guaranteed boolean
);
COMMENT ON TYPE topk_entry IS
    'one item of an answer; its true weight lies between count - error and count';
COMMENT ON COLUMN topk_entry.rank IS 'position by count, from 1; items with equal counts are in the order of their values (bigint) or bytes (text, uuid, bytea)';
COMMENT ON COLUMN topk_entry.item IS 'the item as text; a bytea item as \x and hexadecimal digits';
COMMENT ON COLUMN topk_entry.count IS 'upper bound of the item''s total weight';
COMMENT ON COLUMN topk_entry.error IS 'how far count may exceed the true weight; 0 if count is exact';
COMMENT ON COLUMN topk_entry.guaranteed IS
    'true if no item outside the answer can have a larger weight than this one; in an answer of heavy_hitters, true if the item surely reaches the share';

-- Functions that read a summary

CREATE FUNCTION topk(summary spacesaving, k integer)
    RETURNS SETOF topk_entry
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'spacesaving_topk';
COMMENT ON FUNCTION topk(spacesaving, integer) IS
    'returns the k (at least 1) items with the largest counts, or all monitored items if they are fewer, by rank';

CREATE FUNCTION heavy_hitters(summary spacesaving, share double precision)
    RETURNS SETOF topk_entry
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'spacesaving_heavy_hitters';
COMMENT ON FUNCTION heavy_hitters(spacesaving, double precision) IS
    'returns the items whose weight may reach a share (above 0, at most 1) of the total; guaranteed is true for those that surely reach it. Warns if an item may be missing, which is possible only if share <= error_bound / total.';

CREATE FUNCTION frequency(summary spacesaving, item text, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_text';
COMMENT ON FUNCTION frequency(spacesaving, text) IS
    'returns bounds of the weight of any item, monitored or not: lower <= true weight <= upper always holds; count equals upper';

CREATE FUNCTION frequency(summary spacesaving, item bigint, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_bigint';
COMMENT ON FUNCTION frequency(spacesaving, bigint) IS
    'returns bounds of the weight of any item, monitored or not: lower <= true weight <= upper always holds; count equals upper';

CREATE FUNCTION frequency(summary spacesaving, item uuid, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_uuid';
COMMENT ON FUNCTION frequency(spacesaving, uuid) IS
    'returns bounds of the weight of any item, monitored or not: lower <= true weight <= upper always holds; count equals upper';

CREATE FUNCTION frequency(summary spacesaving, item bytea, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_bytea';
COMMENT ON FUNCTION frequency(spacesaving, bytea) IS
    'returns bounds of the weight of any item, monitored or not: lower <= true weight <= upper always holds; count equals upper';

CREATE FUNCTION total(summary spacesaving)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_total';
COMMENT ON FUNCTION total(spacesaving) IS
    'returns the total weight counted, N, which is exact';

CREATE FUNCTION capacity(summary spacesaving)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_capacity';
COMMENT ON FUNCTION capacity(spacesaving) IS
    'returns the largest number of items that the summary can monitor';

CREATE FUNCTION size(summary spacesaving)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_size';
COMMENT ON FUNCTION size(spacesaving) IS
    'returns the number of items that the summary monitors';

CREATE FUNCTION error_bound(summary spacesaving)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_error_bound';
COMMENT ON FUNCTION error_bound(spacesaving) IS
    'returns the floor U, the largest weight that an unmonitored item can have: at most N / (m + 1), where m is 7/8 of the capacity (capacity - 1 if it is below 8); 0 if every count is exact';

-- Functions that create and change a summary

CREATE FUNCTION spacesaving_empty(capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_empty';
COMMENT ON FUNCTION spacesaving_empty(integer) IS
    'returns a summary without items that can monitor capacity (1 to 1000000) items';

CREATE FUNCTION spacesaving_add(summary spacesaving, item text)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_text';
COMMENT ON FUNCTION spacesaving_add(spacesaving, text) IS
    'returns the summary with one more event; NULL if an argument is NULL';

CREATE FUNCTION spacesaving_add(summary spacesaving, item text, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_text';
COMMENT ON FUNCTION spacesaving_add(spacesaving, text, bigint) IS
    'returns the summary with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bigint';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bigint) IS
    'returns the summary with one more event; NULL if an argument is NULL';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bigint, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bigint';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bigint, bigint) IS
    'returns the summary with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION spacesaving_add(summary spacesaving, item uuid)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_uuid';
COMMENT ON FUNCTION spacesaving_add(spacesaving, uuid) IS
    'returns the summary with one more event; NULL if an argument is NULL';

CREATE FUNCTION spacesaving_add(summary spacesaving, item uuid, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_uuid';
COMMENT ON FUNCTION spacesaving_add(spacesaving, uuid, bigint) IS
    'returns the summary with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bytea)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bytea';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bytea) IS
    'returns the summary with one more event; NULL if an argument is NULL';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bytea, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bytea';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bytea, bigint) IS
    'returns the summary with one more event of a weight (not negative; 0 adds nothing); NULL if an argument is NULL';

CREATE FUNCTION spacesaving_merge(a spacesaving, b spacesaving)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_merge';
COMMENT ON FUNCTION spacesaving_merge(spacesaving, spacesaving) IS
    'returns the summary of both streams, with the smaller of the two capacities; the error bounds add up (Agarwal et al. 2013)';
