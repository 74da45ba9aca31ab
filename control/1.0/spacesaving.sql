-- Type spacesaving

CREATE TYPE spacesaving;

CREATE FUNCTION spacesaving_in(input cstring)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_in';
COMMENT ON FUNCTION spacesaving_in(cstring) IS
    'input function of type spacesaving: \x and the stored bytes in hexadecimal; SQLSTATE 22P02 unless they are a valid state';

CREATE FUNCTION spacesaving_out(state spacesaving)
    RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_out';
COMMENT ON FUNCTION spacesaving_out(spacesaving) IS
    'output function of type spacesaving: \x and the stored bytes in hexadecimal';

CREATE FUNCTION spacesaving_recv(message internal)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_recv';
COMMENT ON FUNCTION spacesaving_recv(internal) IS
    'binary input function of type spacesaving; SQLSTATE 22P03 unless the bytes are a valid state';

CREATE FUNCTION spacesaving_send(state spacesaving)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_send';
COMMENT ON FUNCTION spacesaving_send(spacesaving) IS
    'binary output function of type spacesaving: the stored bytes';

CREATE TYPE spacesaving (
    INPUT = spacesaving_in,
    OUTPUT = spacesaving_out,
    RECEIVE = spacesaving_recv,
    SEND = spacesaving_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    -- The bytes are packed already; compressing them would cost each reader more than it saves.
    STORAGE = external
);
COMMENT ON TYPE spacesaving IS
    'Space-Saving summary of a stream: its heavy hitters in a fixed number of counters, each count with an error bound (Metwally, Agrawal, El Abbadi 2005)';

CREATE FUNCTION spacesaving_from_bytea(bytes bytea)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_from_bytea';
COMMENT ON FUNCTION spacesaving_from_bytea(bytea) IS
    'the state with these stored bytes; SQLSTATE 22P03 unless they are a valid state';

CREATE FUNCTION spacesaving_to_bytea(state spacesaving)
    RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_to_bytea';
COMMENT ON FUNCTION spacesaving_to_bytea(spacesaving) IS
    'the stored bytes of a state';

CREATE CAST (bytea AS spacesaving) WITH FUNCTION spacesaving_from_bytea(bytea);
COMMENT ON CAST (bytea AS spacesaving) IS 'checks every length, bound and invariant; SQLSTATE 22P03 unless the bytes are a valid state';
CREATE CAST (spacesaving AS bytea) WITH FUNCTION spacesaving_to_bytea(spacesaving);
COMMENT ON CAST (spacesaving AS bytea) IS 'the stored bytes';

-- What the answers look like

CREATE TYPE topk_entry AS (
    rank integer,
    item text,
    count bigint,
    error bigint,
    guaranteed boolean
);
COMMENT ON TYPE topk_entry IS
    'one item of an answer: its true weight lies between count - error and count; guaranteed: it surely belongs to the answer';
COMMENT ON COLUMN topk_entry.rank IS 'position by count, from 1; equal counts are ordered by item: text and bytea by bytes, bigint by value';
COMMENT ON COLUMN topk_entry.item IS 'the item as text; bytea as \x and hexadecimal digits';
COMMENT ON COLUMN topk_entry.count IS 'upper bound of the item''s total weight';
COMMENT ON COLUMN topk_entry.error IS 'by how much count may exceed the true weight; 0 means exact';
COMMENT ON COLUMN topk_entry.guaranteed IS
    'true if no item outside the answer can have a larger weight than this one';

-- Reading a Space-Saving summary

CREATE FUNCTION topk(summary spacesaving, k integer)
    RETURNS SETOF topk_entry
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'spacesaving_topk';
COMMENT ON FUNCTION topk(spacesaving, integer) IS
    'the k items with the largest counts, ranked';

CREATE FUNCTION heavy_hitters(summary spacesaving, share double precision)
    RETURNS SETOF topk_entry
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'spacesaving_heavy_hitters';
COMMENT ON FUNCTION heavy_hitters(spacesaving, double precision) IS
    'the items whose weight may reach this share (0 to 1) of the total; guaranteed: it surely does. Warns if an item could be missing, which needs share <= error_bound / total';

CREATE FUNCTION frequency(summary spacesaving, item text, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_text';
COMMENT ON FUNCTION frequency(spacesaving, text) IS
    'weight of any item, monitored or not: lower <= true weight <= upper, both sure; count is the upper bound';

CREATE FUNCTION frequency(summary spacesaving, item bigint, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_bigint';
COMMENT ON FUNCTION frequency(spacesaving, bigint) IS
    'weight of any item, monitored or not: lower <= true weight <= upper, both sure; count is the upper bound';

CREATE FUNCTION frequency(summary spacesaving, item uuid, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_uuid';
COMMENT ON FUNCTION frequency(spacesaving, uuid) IS
    'weight of any item, monitored or not: lower <= true weight <= upper, both sure; count is the upper bound';

CREATE FUNCTION frequency(summary spacesaving, item bytea, OUT count bigint, OUT lower bigint, OUT upper bigint)
    RETURNS record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_frequency_bytea';
COMMENT ON FUNCTION frequency(spacesaving, bytea) IS
    'weight of any item, monitored or not: lower <= true weight <= upper, both sure; count is the upper bound';

CREATE FUNCTION total(summary spacesaving)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_total';
COMMENT ON FUNCTION total(spacesaving) IS
    'total weight counted, N; exact';

CREATE FUNCTION capacity(summary spacesaving)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_capacity';
COMMENT ON FUNCTION capacity(spacesaving) IS
    'largest number of monitored items';

CREATE FUNCTION size(summary spacesaving)
    RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_size';
COMMENT ON FUNCTION size(spacesaving) IS
    'number of monitored items';

CREATE FUNCTION error_bound(summary spacesaving)
    RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_error_bound';
COMMENT ON FUNCTION error_bound(spacesaving) IS
    'largest weight an unmonitored item can have, the floor U; at most N / (m + 1) with m = 7/8 of the capacity (one less than it, below 8); 0 if every count is exact';

-- Making and changing a Space-Saving summary

CREATE FUNCTION spacesaving_empty(capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_empty';
COMMENT ON FUNCTION spacesaving_empty(integer) IS
    'a summary without items, for up to capacity (1 to 1000000) monitored items';

CREATE FUNCTION spacesaving_add(summary spacesaving, item text)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_text';
COMMENT ON FUNCTION spacesaving_add(spacesaving, text) IS
    'the summary with one more event; NULL if an argument is';

CREATE FUNCTION spacesaving_add(summary spacesaving, item text, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_text';
COMMENT ON FUNCTION spacesaving_add(spacesaving, text, bigint) IS
    'the summary with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bigint';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bigint) IS
    'the summary with one more event; NULL if an argument is';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bigint, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bigint';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bigint, bigint) IS
    'the summary with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION spacesaving_add(summary spacesaving, item uuid)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_uuid';
COMMENT ON FUNCTION spacesaving_add(spacesaving, uuid) IS
    'the summary with one more event; NULL if an argument is';

CREATE FUNCTION spacesaving_add(summary spacesaving, item uuid, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_uuid';
COMMENT ON FUNCTION spacesaving_add(spacesaving, uuid, bigint) IS
    'the summary with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bytea)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bytea';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bytea) IS
    'the summary with one more event; NULL if an argument is';

CREATE FUNCTION spacesaving_add(summary spacesaving, item bytea, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_add_bytea';
COMMENT ON FUNCTION spacesaving_add(spacesaving, bytea, bigint) IS
    'the summary with an event of this weight (not negative; 0 adds nothing); NULL if an argument is';

CREATE FUNCTION spacesaving_merge(a spacesaving, b spacesaving)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_merge';
COMMENT ON FUNCTION spacesaving_merge(spacesaving, spacesaving) IS
    'the summary of both streams, with the smaller capacity of the two; the error bounds add up (Agarwal et al. 2013)';
