\echo Use "CREATE EXTENSION pg_topk" to load this file. \quit
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

-- Aggregates on Space-Saving

CREATE FUNCTION spacesaving_combine(state spacesaving, other spacesaving)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_combine';
COMMENT ON FUNCTION spacesaving_combine(spacesaving, spacesaving) IS
    'support function: merges two states';

CREATE FUNCTION spacesaving_final(state spacesaving)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_final';
COMMENT ON FUNCTION spacesaving_final(spacesaving) IS
    'support function: the state in its stored form';

CREATE FUNCTION topk_final(state spacesaving)
    RETURNS topk_entry[]
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_final';
COMMENT ON FUNCTION topk_final(spacesaving) IS
    'support function: the top k of a state of topk_agg';

CREATE FUNCTION topk_accum(state spacesaving, item text, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_text';
COMMENT ON FUNCTION topk_accum(spacesaving, text, integer) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item text, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(text, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION topk_accum(state spacesaving, item text, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_text';
COMMENT ON FUNCTION topk_accum(spacesaving, text, integer, bigint) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item text, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(text, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item text, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_text';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, text, integer) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item text, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(text, integer) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items. NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item text, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_text';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, text, integer, bigint) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item text, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(text, integer, bigint) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION topk_accum(state spacesaving, item bigint, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bigint';
COMMENT ON FUNCTION topk_accum(spacesaving, bigint, integer) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bigint, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bigint, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION topk_accum(state spacesaving, item bigint, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bigint';
COMMENT ON FUNCTION topk_accum(spacesaving, bigint, integer, bigint) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bigint, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bigint, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bigint, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bigint';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bigint, integer) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bigint, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bigint, integer) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items. NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bigint, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bigint';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bigint, integer, bigint) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bigint, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bigint, integer, bigint) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION topk_accum(state spacesaving, item uuid, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_uuid';
COMMENT ON FUNCTION topk_accum(spacesaving, uuid, integer) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item uuid, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(uuid, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION topk_accum(state spacesaving, item uuid, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_uuid';
COMMENT ON FUNCTION topk_accum(spacesaving, uuid, integer, bigint) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item uuid, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(uuid, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item uuid, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_uuid';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, uuid, integer) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item uuid, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(uuid, integer) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items. NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item uuid, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_uuid';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, uuid, integer, bigint) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item uuid, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(uuid, integer, bigint) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION topk_accum(state spacesaving, item bytea, k integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bytea';
COMMENT ON FUNCTION topk_accum(spacesaving, bytea, integer) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bytea, k integer) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bytea, integer) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters. NULL items are skipped; no rows give NULL';

CREATE FUNCTION topk_accum(state spacesaving, item bytea, k integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_accum_bytea';
COMMENT ON FUNCTION topk_accum(spacesaving, bytea, integer, bigint) IS
    'support function of topk_agg: counts one event';

CREATE AGGREGATE topk_agg(item bytea, k integer, weight bigint) (
    SFUNC = topk_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = topk_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE topk_agg(bytea, integer, bigint) IS
    'the k (1 to 10000) items with the largest weight, as an array ordered by rank; built with greatest(1000, 20 * k) counters; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bytea, capacity integer)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bytea';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bytea, integer) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bytea, capacity integer) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bytea, integer) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items. NULL items are skipped; no rows give NULL';

CREATE FUNCTION spacesaving_accum(state spacesaving, item bytea, capacity integer, weight bigint)
    RETURNS spacesaving
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'spacesaving_accum_bytea';
COMMENT ON FUNCTION spacesaving_accum(spacesaving, bytea, integer, bigint) IS
    'support function of spacesaving_agg: counts one event';

CREATE AGGREGATE spacesaving_agg(item bytea, capacity integer, weight bigint) (
    SFUNC = spacesaving_accum,
    STYPE = spacesaving,
    SSPACE = 512,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_agg(bytea, integer, bigint) IS
    'Space-Saving summary with up to capacity (1 to 1000000) monitored items; every row counts with its weight (not negative; NULL is skipped). NULL items are skipped; no rows give NULL';

CREATE AGGREGATE spacesaving_merge_agg(summary spacesaving) (
    SFUNC = spacesaving_combine,
    STYPE = spacesaving,
    SSPACE = 16384,
    FINALFUNC = spacesaving_final,
    COMBINEFUNC = spacesaving_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE spacesaving_merge_agg(spacesaving) IS
    'the summary of all streams together, with the smallest capacity of them; NULLs are skipped; no rows give NULL';

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

-- Streams and capture. Schema topk holds what counts events; the functions that answer are in answers.sql.

CREATE SCHEMA topk;
COMMENT ON SCHEMA topk IS 'streams and rollups of pg_topk';
GRANT USAGE ON SCHEMA topk TO PUBLIC;

CREATE TABLE topk.rollup (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    source regclass NOT NULL,
    item text NOT NULL,
    "time" text NOT NULL,
    weight text,
    filter text,
    group_by text[] NOT NULL,
    columns jsonb NOT NULL,
    source_oid oid NOT NULL,
    item_kind "char" NOT NULL,
    grain interval NOT NULL,
    windows text[] NOT NULL,
    timezone text NOT NULL,
    k integer NOT NULL,
    capacity integer NOT NULL,
    width integer NOT NULL,
    depth integer NOT NULL,
    max_groups integer NOT NULL,
    accept_past interval NOT NULL,
    accept_future interval NOT NULL,
    retention jsonb NOT NULL,
    created timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE topk.rollup IS
    'one row per rollup, written by topk.create_rollup; who may read topk.rollups sees it there';
COMMENT ON COLUMN topk.rollup.columns IS 'attribute number to name of each column that the expressions use, as they were when the row was written';
COMMENT ON COLUMN topk.rollup.source_oid IS 'OID of the source when the row was written: tells a renamed column from a restored dump';
COMMENT ON COLUMN topk.rollup.item_kind IS 't text, i bigint, u uuid, b bytea';
COMMENT ON SEQUENCE topk.rollup_id_seq IS 'numbers of rollups';
CREATE INDEX rollup_source ON topk.rollup (source);
COMMENT ON INDEX topk.rollup_source IS 'how capture finds the rollups of a source';

-- The delta log. Its rows are spread over slots, of which one is written at a time and the others are emptied in turn: rows that
-- an old snapshot keeps vacuum from removing would otherwise pile up without end (src/stream/README.md).
CREATE TABLE topk.log_slot (
    slot integer PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('active', 'draining', 'folded', 'empty')),
    holders text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE topk.log_slot IS
    'state of each slot of the delta log: active (written), draining (still read), folded (read by old snapshots only), empty';
COMMENT ON COLUMN topk.log_slot.holders IS 'transactions with a snapshot from before the slot was last made active, which can see none of its rows';
INSERT INTO topk.log_slot VALUES (0, 'active'), (1, 'draining'), (2, 'draining'), (3, 'draining');

CREATE TABLE topk.delta_0 (
    tile timestamptz NOT NULL,
    events bigint NOT NULL,
    rollup integer NOT NULL,
    scope "char" NOT NULL,
    grp text[] COLLATE "C",
    items bytea,
    summary @extschema@.spacesaving,
    sketch @extschema@.cms,
    registers bytea
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_1 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_2 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_3 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
COMMENT ON TABLE topk.delta_0 IS 'slot 0 of the delta log: what statements counted and no fold has taken away yet';
COMMENT ON TABLE topk.delta_1 IS 'slot 1 of the delta log';
COMMENT ON TABLE topk.delta_2 IS 'slot 2 of the delta log';
COMMENT ON TABLE topk.delta_3 IS 'slot 3 of the delta log';
COMMENT ON COLUMN topk.delta_0.tile IS 'start of the tile; -infinity: events that were rejected, counted without items';
COMMENT ON COLUMN topk.delta_0.scope IS 'r raw: counts for its group and for all groups; g: for its group only; a: for all groups only';
COMMENT ON COLUMN topk.delta_0.grp IS 'values of the group expressions as text; NULL: the rollup has none, or scope a; {}: the overflow group';
COMMENT ON COLUMN topk.delta_0.items IS 'exact counts of few distinct items (docs/format.md); summary, sketch and registers are NULL then';

CREATE FUNCTION topk.fdw_handler() RETURNS fdw_handler
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fdw_handler';
COMMENT ON FUNCTION topk.fdw_handler() IS 'handler of the foreign-data wrapper topk';

CREATE FUNCTION topk.fdw_validator(options text[], catalog oid) RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fdw_validator';
COMMENT ON FUNCTION topk.fdw_validator(text[], oid) IS 'validator of the foreign-data wrapper topk: it has no options';

CREATE FOREIGN DATA WRAPPER topk HANDLER topk.fdw_handler VALIDATOR topk.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER topk IS 'streams: foreign tables whose rows are counted by their rollups and not kept';
CREATE SERVER topk FOREIGN DATA WRAPPER topk;
COMMENT ON SERVER topk IS 'the server that streams are made on: CREATE FOREIGN TABLE ... SERVER topk';
GRANT USAGE ON FOREIGN SERVER topk TO PUBLIC;

CREATE FUNCTION topk.capture() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_capture';
COMMENT ON FUNCTION topk.capture() IS
    'trigger that counts the rows of a statement for the rollups of its table; topk.create_rollup creates it on ordinary tables';

CREATE FUNCTION topk.log_restored() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_log_restored';
COMMENT ON FUNCTION topk.log_restored() IS
    'trigger on the slots of the delta log: rows that a restored dump brings are read again; capture does not fire it';
REVOKE ALL ON FUNCTION topk.log_restored() FROM PUBLIC;
CREATE TRIGGER restored AFTER INSERT ON topk.delta_0 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('0');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_1 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('1');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_2 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('2');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_3 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('3');

CREATE FUNCTION topk.rollup_restored() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_rollup_restored';
COMMENT ON FUNCTION topk.rollup_restored() IS
    'trigger on topk.rollup: a row that a restored dump brings learns the OID and the column numbers that its source has now';
CREATE TRIGGER restored BEFORE INSERT ON topk.rollup FOR EACH ROW EXECUTE FUNCTION topk.rollup_restored();

SELECT pg_catalog.pg_extension_config_dump('topk.rollup', '');
SELECT pg_catalog.pg_extension_config_dump('topk.rollup_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_0', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_1', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_2', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_3', '');

-- Rollups: the windows kept, and what keeps them up to date.

CREATE TABLE topk.tile (
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL,
    events bigint NOT NULL,
    rollup integer NOT NULL,
    level smallint NOT NULL,
    finished boolean NOT NULL,
    grp text[] COLLATE "C",
    summary @extschema@.spacesaving NOT NULL,
    sketch @extschema@.cms,
    registers bytea,
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- for publications of all tables
    UNIQUE NULLS NOT DISTINCT (rollup, level, grp, start)
) WITH (fillfactor = 80);
COMMENT ON TABLE topk.tile IS 'the counts of each window: one row per rollup, level, group and window; written by folds only';
COMMENT ON COLUMN topk.tile.level IS '0 the grain, 1 hour (where the grain is shorter), 2 day, 3 week, 4 month';
COMMENT ON COLUMN topk.tile.finished IS 'level 0: merged into the levels above, where late events go too from then on; others: over, its snapshot is written';
COMMENT ON COLUMN topk.tile.grp IS 'values of the group expressions as text; NULL: all groups; {}: the overflow group';
COMMENT ON COLUMN topk.tile.sketch IS 'Count-Min sketch of all items; NULL while summary is exact';
COMMENT ON COLUMN topk.tile.registers IS 'HyperLogLog registers of all items; NULL while summary is exact';
CREATE INDEX tile_unfinished ON topk.tile (rollup, level, stop, grp) WHERE NOT finished;
COMMENT ON INDEX topk.tile_unfinished IS 'how reads find the tiles that are not in the levels above, and folds those that are over';
CREATE INDEX tile_stop ON topk.tile (rollup, level, stop);
COMMENT ON INDEX topk.tile_stop IS 'how retention finds old windows';

CREATE TABLE topk.group_key (
    rollup integer NOT NULL,
    grp text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (rollup, grp)
);
COMMENT ON TABLE topk.group_key IS 'the groups of each rollup that have counts of their own, at most max_groups';

CREATE TABLE topk.snapshot (
    rollup integer NOT NULL,
    window_kind text COLLATE "C" NOT NULL,
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL,
    grp text[] COLLATE "C",
    events bigint NOT NULL,
    weight bigint NOT NULL,
    distinct_items bigint NOT NULL,
    entries @extschema@.topk_entry[] NOT NULL,
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    UNIQUE NULLS NOT DISTINCT (rollup, window_kind, grp, start)
);
COMMENT ON TABLE topk.snapshot IS 'the top k of each window that is over, one row per rollup, kind of window, group and window';
CREATE INDEX snapshot_stop ON topk.snapshot (rollup, window_kind, stop);
COMMENT ON INDEX topk.snapshot_stop IS 'how retention finds old snapshots';

CREATE TABLE topk.rollup_state (
    rollup integer PRIMARY KEY,
    events bigint NOT NULL DEFAULT 0,
    weight bigint NOT NULL DEFAULT 0,
    late bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    overflowed bigint NOT NULL DEFAULT 0,
    folds bigint NOT NULL DEFAULT 0,
    last_fold timestamptz,
    last_fold_duration interval,
    failures integer NOT NULL DEFAULT 0,
    retry_at timestamptz,
    retained_at timestamptz,
    backfill text CHECK (backfill IN ('wanted', 'running', 'done', 'failed'))
) WITH (fillfactor = 50);
COMMENT ON TABLE topk.rollup_state IS 'running totals of each rollup over what has been folded, and how its last fold and its backfill went';

CREATE TABLE topk.error_log (
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    rollup integer NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL,
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
COMMENT ON TABLE topk.error_log IS 'errors of folds, the last 100 of each rollup';

CREATE FUNCTION topk.create_rollup(
    name text,
    source regclass,
    item text,
    event_time text,
    group_by text[] DEFAULT '{}',
    windows text[] DEFAULT '{hour,day,week,month}',
    k integer DEFAULT 100,
    weight text DEFAULT NULL,
    filter text DEFAULT NULL,
    grain interval DEFAULT '1 hour',
    timezone text DEFAULT 'UTC',
    capacity integer DEFAULT NULL,
    width integer DEFAULT 10000,
    depth integer DEFAULT 5,
    max_groups integer DEFAULT 10000,
    retention jsonb DEFAULT NULL,
    accept_past interval DEFAULT NULL,
    accept_future interval DEFAULT '1 day',
    backfill boolean DEFAULT false
) RETURNS integer
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_create_rollup';
COMMENT ON FUNCTION topk.create_rollup(text, regclass, text, text, text[], text[], integer, text, text, interval, text, integer,
                                       integer, integer, integer, jsonb, interval, interval, boolean) IS
    'from now on counts the rows that are inserted into a stream or table; returns the id of the rollup';

CREATE FUNCTION topk.drop_rollup(name text) RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_drop_rollup';
COMMENT ON FUNCTION topk.drop_rollup(text) IS 'removes a rollup and all that it counted';

CREATE FUNCTION topk.after_ddl() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_after_ddl';
COMMENT ON FUNCTION topk.after_ddl() IS
    'event trigger: rollups follow renamed columns and new partitions, and refuse changes that their expressions would not survive';
CREATE EVENT TRIGGER topk_ddl ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA')
    EXECUTE FUNCTION topk.after_ddl();
COMMENT ON EVENT TRIGGER topk_ddl IS 'keeps rollups in step with their sources';

CREATE FUNCTION topk.after_drop() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_after_drop';
COMMENT ON FUNCTION topk.after_drop() IS 'event trigger: the rollups of a dropped source go with it';
CREATE EVENT TRIGGER topk_sql_drop ON sql_drop EXECUTE FUNCTION topk.after_drop();
COMMENT ON EVENT TRIGGER topk_sql_drop IS 'removes the rollups of dropped sources';

SELECT pg_catalog.pg_extension_config_dump('topk.tile', '');
SELECT pg_catalog.pg_extension_config_dump('topk.group_key', '');
SELECT pg_catalog.pg_extension_config_dump('topk.snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('topk.rollup_state', '');
SELECT pg_catalog.pg_extension_config_dump('topk.error_log', '');
SELECT pg_catalog.pg_extension_config_dump('topk.tile_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.snapshot_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.error_log_row_id_seq', '');
COMMENT ON SEQUENCE topk.tile_row_id_seq IS 'numbers of rows of topk.tile';
COMMENT ON SEQUENCE topk.snapshot_row_id_seq IS 'numbers of rows of topk.snapshot';
COMMENT ON SEQUENCE topk.error_log_row_id_seq IS 'numbers of rows of topk.error_log';

-- Folding

CREATE FUNCTION topk.items(items bytea, OUT item text, OUT weight bigint)
    RETURNS SETOF record
    LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_items';
COMMENT ON FUNCTION topk.items(bytea) IS 'the items of a row of the delta log with their weights, in no order';

CREATE FUNCTION topk.distinct_items(summary @extschema@.spacesaving, registers bytea)
    RETURNS bigint
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_distinct_items';
COMMENT ON FUNCTION topk.distinct_items(@extschema@.spacesaving, bytea) IS
    'number of distinct items of a tile: exact without registers, otherwise HyperLogLog''s estimate with a standard error of 0.8 % (Flajolet et al. 2007)';

CREATE FUNCTION topk.write_snapshot(place tid, kind text, k integer)
    RETURNS void
    LANGUAGE plpgsql -- whose plans are kept, unlike those of SQL functions
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO topk.snapshot AS s (rollup, window_kind, start, stop, grp, events, weight, distinct_items, entries)
    SELECT t.rollup, $2, t.start, t.stop, t.grp, t.events, @extschema@.total(t.summary),
           topk.distinct_items(t.summary, t.registers), ARRAY(SELECT e FROM @extschema@.topk(t.summary, $3) AS e)
    FROM topk.tile AS t
    WHERE t.ctid = $1
    ON CONFLICT (rollup, window_kind, grp, start) DO UPDATE
    SET events = excluded.events, weight = excluded.weight, distinct_items = excluded.distinct_items, entries = excluded.entries;
END
$$;
COMMENT ON FUNCTION topk.write_snapshot(tid, text, integer) IS 'support function of folds: writes the top k of a row of topk.tile to topk.snapshot';
REVOKE ALL ON FUNCTION topk.write_snapshot(tid, text, integer) FROM PUBLIC;

CREATE FUNCTION topk.ago(age interval)
    RETURNS timestamptz
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN $1 < interval '6700 years' THEN now() - $1 ELSE '-infinity' END;
COMMENT ON FUNCTION topk.ago(interval) IS 'support function of folds: the time that long ago, -infinity when there is none so early';
REVOKE ALL ON FUNCTION topk.ago(interval) FROM PUBLIC;

CREATE FUNCTION topk.expire(rollup integer)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept jsonb := (SELECT r.retention FROM topk.rollup AS r WHERE r.id = $1);
    -- The grain's tiles answer for hours too when they are hours.
    hours boolean := (SELECT r.grain = interval '1 hour' AND 'hour' = ANY (r.windows) FROM topk.rollup AS r WHERE r.id = $1);
    kinds text[] := '{tile,hour,day,week,month}';
    age interval;
    n bigint;
    total bigint := 0;
BEGIN
    FOR i IN 0..4 LOOP
        age := (kept ->> kinds[i + 1])::interval;
        IF i = 0 AND hours THEN
            age := greatest(age, (kept ->> 'hour')::interval);
        END IF;
        DELETE FROM topk.tile AS t
        WHERE t.rollup = $1 AND t.level = i AND t.stop < topk.ago(age) AND t.finished;
        GET DIAGNOSTICS n = ROW_COUNT;
        total := total + n;
        DELETE FROM topk.snapshot AS s
        WHERE s.rollup = $1 AND s.window_kind = kinds[i + 1] AND s.stop < topk.ago((kept ->> 'snapshot')::interval);
    END LOOP;
    IF total > 0 THEN
        DELETE FROM topk.group_key AS g
        WHERE g.rollup = $1
          AND NOT EXISTS (SELECT FROM topk.tile AS t WHERE t.rollup = $1 AND t.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_0 AS d WHERE d.rollup = $1 AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_1 AS d WHERE d.rollup = $1 AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_2 AS d WHERE d.rollup = $1 AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_3 AS d WHERE d.rollup = $1 AND d.grp = g.grp);
    END IF;
    UPDATE topk.rollup_state AS s SET retained_at = now() WHERE s.rollup = $1;
END
$$;
COMMENT ON FUNCTION topk.expire(integer) IS 'support function of folds: removes what a rollup''s retention no longer keeps';
REVOKE ALL ON FUNCTION topk.expire(integer) FROM PUBLIC;

CREATE FUNCTION topk.record_fold(rollup integer, events bigint, weight bigint, late bigint, rejected bigint, overflowed bigint,
                                 started timestamptz, finished boolean)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO topk.rollup_state AS s (rollup, events, weight, late, rejected, overflowed, folds, last_fold, last_fold_duration)
    VALUES ($1, $2, $3, $4, $5, $6, 1, $7, clock_timestamp() - $7)
    ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE
    SET events = s.events + $2, weight = least(s.weight::numeric + $3, 9223372036854775807)::bigint, late = s.late + $4, rejected = s.rejected + $5,
        overflowed = s.overflowed + $6, folds = s.folds + 1, last_fold = $7, last_fold_duration = clock_timestamp() - $7,
        failures = 0, retry_at = NULL;
    -- A dump that was restored with triggers disabled: its columns are known by their names.
    UPDATE topk.rollup AS r
    SET source_oid = r.source::oid,
        columns = coalesce((SELECT jsonb_object_agg(a.attnum, a.attname)
                            FROM jsonb_each_text(r.columns) AS c
                            JOIN pg_attribute AS a ON a.attrelid = r.source AND a.attname = c.value AND NOT a.attisdropped), '{}')
    WHERE r.id = $1 AND r.source_oid <> r.source::oid;
    IF finished OR (SELECT coalesce(s.retained_at, '-infinity') < now() - interval '1 hour'
                    FROM topk.rollup_state AS s WHERE s.rollup = $1) THEN
        PERFORM topk.expire($1);
    END IF;
END
$$;
COMMENT ON FUNCTION topk.record_fold(integer, bigint, bigint, bigint, bigint, bigint, timestamptz, boolean) IS
    'support function of folds: adds to the totals of a rollup';
REVOKE ALL ON FUNCTION topk.record_fold(integer, bigint, bigint, bigint, bigint, bigint, timestamptz, boolean) FROM PUBLIC;

CREATE FUNCTION topk.fold(rollup integer, OUT deltas bigint, OUT tiles bigint, OUT more boolean)
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fold';
COMMENT ON FUNCTION topk.fold(integer) IS
    'folds one rollup: merges its committed deltas into tiles, and tiles that are over into the windows above them; deltas: rows taken away, tiles: rows written, more: call again, in a new transaction. At READ COMMITTED only (SQLSTATE 25001)';
REVOKE ALL ON FUNCTION topk.fold(integer) FROM PUBLIC;

CREATE FUNCTION topk.maintain()
    RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_maintain';
COMMENT ON FUNCTION topk.maintain() IS 'rotates the delta log where it has grown, and empties slots that no snapshot needs';
REVOKE ALL ON FUNCTION topk.maintain() FROM PUBLIC;

-- Counting again from the table

CREATE FUNCTION topk.recount_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT (%1$s), coalesce((%2$s), false), (%3$s)::%4$s, (%5$s)::bigint%6$s FROM %9$s%7$I.%8$I '
                  'WHERE (%1$s) >= $1 AND (%1$s) < $2',
                  r.time, coalesce(r.filter, 'true'), r.item,
                  CASE r.item_kind WHEN 'i' THEN 'bigint' WHEN 'u' THEN 'uuid' WHEN 'b' THEN 'bytea' ELSE 'text' END,
                  coalesce(r.weight, '1'),
                  (SELECT string_agg(format(', (%s)::text', g), '' ORDER BY i)
                   FROM unnest(r.group_by) WITH ORDINALITY AS u (g, i)),
                  n.nspname, c.relname,
                  -- Rows of partitions are rows of the source, those of children that inherit from it are not.
                  CASE WHEN c.relkind = 'r' THEN 'ONLY ' END)
    FROM topk.rollup AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.id = $1
$$;
COMMENT ON FUNCTION topk.recount_query(integer) IS
    'support function of topk.backfill: the query for the rows of a span: time, whether the filter holds, item, weight, groups';
REVOKE ALL ON FUNCTION topk.recount_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.older_row_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT FROM %s%I.%I WHERE (%s) < $1 LIMIT 1', CASE WHEN c.relkind = 'r' THEN 'ONLY ' END, n.nspname, c.relname,
                  r.time)
    FROM topk.rollup AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.id = $1
$$;
COMMENT ON FUNCTION topk.older_row_query(integer) IS
    'support function of topk.refresh: the query for a row of the source from before a time';
REVOKE ALL ON FUNCTION topk.older_row_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.uncount(rollup integer, since timestamptz, until timestamptz, events bigint, weight bigint)
    RETURNS void
    LANGUAGE sql
    SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE topk.rollup_state AS s
    SET events = greatest(s.events - $4 - t.events, 0), weight = greatest(s.weight - $5 - t.weight, 0)
    FROM (SELECT coalesce(sum(events), 0)::bigint AS events, coalesce(sum(@extschema@.total(summary)), 0)::bigint AS weight
          FROM topk.tile WHERE rollup = $1 AND level = 0 AND grp IS NULL AND start >= $2 AND stop <= $3) AS t
    WHERE s.rollup = $1
$$;
COMMENT ON FUNCTION topk.uncount(integer, timestamptz, timestamptz, bigint, bigint) IS
    'support function of topk.backfill: takes the tiles of a span, and so much besides, from the totals of a rollup';
REVOKE ALL ON FUNCTION topk.uncount(integer, timestamptz, timestamptz, bigint, bigint) FROM PUBLIC;

CREATE FUNCTION topk.backfill(rollup text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_backfill';
COMMENT ON FUNCTION topk.backfill(text, timestamptz, timestamptz) IS
    'counts the rows that the source holds for the tiles from the one that contains since to the one before until, in place of what was captured of them; counts older than the oldest row stay. Returns the events counted. Writers wait only while a snapshot is taken. The owner of the source only; at READ COMMITTED only; an error for streams';

CREATE FUNCTION topk.refresh(rollup text, since timestamptz, until timestamptz)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_refresh';
COMMENT ON FUNCTION topk.refresh(text, timestamptz, timestamptz) IS
    'like topk.backfill, after an UPDATE or DELETE; SQLSTATE 55000 where the rollup has counts from before the oldest row that the source still has in the range, or where other tiles of a window that must be made anew are no longer kept';

CREATE FUNCTION topk.run_backfill(rollup integer)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_run_backfill';
COMMENT ON FUNCTION topk.run_backfill(integer) IS 'support function of workers: the backfill that topk.create_rollup asked for';
REVOKE ALL ON FUNCTION topk.run_backfill(integer) FROM PUBLIC;

-- Background work

CREATE FUNCTION topk.record_failure(rollup integer, code text, message text, backfill boolean DEFAULT false)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF $4 THEN
        -- Of an error that may pass by itself another attempt is made; of any other there would be hours of the same.
        UPDATE topk.rollup_state AS s
        SET backfill = CASE WHEN $2 ~ '^(40|53|55P03|57)' THEN 'wanted' ELSE 'failed' END
        WHERE s.rollup = $1;
    ELSE
        INSERT INTO topk.rollup_state AS s (rollup, failures, retry_at)
        SELECT r.id, 1, clock_timestamp() + interval '2 s' FROM topk.rollup AS r WHERE r.id = $1
        ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE
        SET failures = s.failures + 1,
            retry_at = clock_timestamp() + least(2 ^ least(s.failures + 1, 20), 300) * interval '1 s';
    END IF;
    INSERT INTO topk.error_log (rollup, sqlstate, message)
    SELECT r.id, $2, $3 FROM topk.rollup AS r WHERE r.id = $1;
    DELETE FROM topk.error_log AS e
    WHERE e.rollup = $1 AND e.at < (SELECT l.at FROM topk.error_log AS l WHERE l.rollup = $1 ORDER BY l.at DESC OFFSET 99 LIMIT 1);
END
$$;
COMMENT ON FUNCTION topk.record_failure(integer, text, text, boolean) IS
    'support function of workers: writes an error to topk.error_log, and when the rollup is to be tried again';
REVOKE ALL ON FUNCTION topk.record_failure(integer, text, text, boolean) FROM PUBLIC;

CREATE PROCEDURE topk.run()
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_run';
COMMENT ON PROCEDURE topk.run() IS
    'one round of what the background worker does: folds every rollup, runs the backfills that were asked for, maintains the delta log. Each rollup in a transaction of its own, or, called in a transaction block, all in that; a failure of one is a warning, recorded in topk.errors. At READ COMMITTED only (SQLSTATE 25001)';
REVOKE ALL ON PROCEDURE topk.run() FROM PUBLIC;

CREATE FUNCTION topk.worker_slots(OUT database oid, OUT state text, OUT pid integer, OUT backfill_pid integer,
                                  OUT started timestamptz, OUT rounds bigint, OUT last_round timestamptz, OUT pending bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 4
    AS 'MODULE_PATHNAME', 'topk_worker_slots';
COMMENT ON FUNCTION topk.worker_slots() IS 'support function of topk.workers: what is in shared memory; no row without shared_preload_libraries';

CREATE VIEW topk.workers AS
    SELECT coalesce(d.datname, w.database::text) AS database, w.state, w.pid, w.backfill_pid, w.started, w.rounds, w.last_round, w.pending
    FROM topk.worker_slots() AS w
    LEFT JOIN pg_catalog.pg_database AS d ON d.oid = w.database;
COMMENT ON VIEW topk.workers IS
    'the workers of all databases of the server: processes, rounds since the start, and rows of the delta log written since the last round began';
GRANT SELECT ON topk.workers TO PUBLIC;

-- Roles, and who may ask. Roles are the cluster's: another database may have made them, or be making them now, and
-- DROP EXTENSION leaves them.

DO $$
BEGIN
    BEGIN
        CREATE ROLE topk_reader;
        COMMENT ON ROLE topk_reader IS 'may ask rollups of pg_topk whose source it may SELECT from';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
    BEGIN
        CREATE ROLE topk_writer;
        COMMENT ON ROLE topk_writer IS 'may call topk_api.ingest_event and topk_api.ingest_events of pg_topk';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
END
$$;

CREATE FUNCTION topk.may_read(source regclass)
    RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_may_read';
COMMENT ON FUNCTION topk.may_read(regclass) IS
    'whether the current user may ask rollups of a source: SELECT on it, and either to own it or the privileges of role topk_reader without row-level security of it applying';
GRANT EXECUTE ON FUNCTION topk.may_read(regclass) TO PUBLIC; -- as on the views that call it, whatever the default

-- Answers: what rollups know.

CREATE FUNCTION topk.top(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                         group_key text[] DEFAULT NULL,
                         OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                         OUT share double precision)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_top';
COMMENT ON FUNCTION topk.top(text, text, timestamptz, integer, text[]) IS
    'the k (1 to 10000) items with the largest weight in the window (hour, day, week or month) that contains a time: count - error <= true weight <= count; share: count by the window''s weight. group_key: the values of the group expressions, NULL for all groups, {} for those past max_groups. Always fresh: counts what the caller''s snapshot sees. Needs SELECT on the source';

CREATE FUNCTION topk.range(rollup text, since timestamptz, until timestamptz, k integer DEFAULT 10, group_key text[] DEFAULT NULL,
                           OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                           OUT share double precision)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_range';
COMMENT ON FUNCTION topk.range(text, timestamptz, timestamptz, integer, text[]) IS
    'like topk.top, for the tiles from the one that contains since to the one before until: any span of whole tiles that are still kept';

CREATE FUNCTION topk.window_info(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(),
                                 group_key text[] DEFAULT NULL,
                                 OUT window_start timestamptz, OUT window_end timestamptz, OUT events bigint, OUT weight bigint,
                                 OUT distinct_items bigint, OUT error_bound bigint)
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_window_info';
COMMENT ON FUNCTION topk.window_info(text, text, timestamptz, text[]) IS
    'a window''s bounds, events and weight (exact), distinct items (exact while error_bound is 0, then HyperLogLog with a standard error of 0.8 %), and the largest weight an item can have that the summary does not monitor';

CREATE VIEW topk.rollups WITH (security_barrier) AS
    SELECT r.name, r.source, r.item, r.time AS event_time, r.group_by, r.weight, r.filter, r.windows, r.grain, r.timezone, r.k,
           r.capacity, r.width, r.depth, r.max_groups, r.retention, r.accept_past, r.accept_future, r.created,
           s.events, s.weight AS total_weight, s.late, s.rejected, s.overflowed, s.folds, s.last_fold, s.last_fold_duration,
           s.backfill, s.failures, s.retry_at
    FROM topk.rollup AS r
    LEFT JOIN topk.rollup_state AS s ON s.rollup = r.id
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.rollups IS
    'the rollups that the user may read: how each was made, and running totals over what has been folded: events, weight, late (for tiles that were over), rejected (time missing or outside what is accepted), overflowed (of groups past max_groups)';
GRANT SELECT ON topk.rollups TO PUBLIC;

CREATE VIEW topk.groups WITH (security_barrier) AS
    SELECT r.name AS rollup, g.grp AS group_key
    FROM topk.group_key AS g
    JOIN topk.rollup AS r ON r.id = g.rollup
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.groups IS 'the groups of each rollup that have counts of their own, as far as they have been folded';
GRANT SELECT ON topk.groups TO PUBLIC;

CREATE VIEW topk.snapshots WITH (security_barrier) AS
    SELECT r.name AS rollup, s.window_kind, s.start AS window_start, s.stop AS window_end, s.grp AS group_key, s.events, s.weight,
           s.distinct_items, e.rank, e.item, e.count, e.error, e.guaranteed
    FROM topk.snapshot AS s
    JOIN topk.rollup AS r ON r.id = s.rollup
    CROSS JOIN LATERAL pg_catalog.unnest(s.entries) AS e
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.snapshots IS 'the top k of each window that is over, one row per item; kept as long as retention says';
GRANT SELECT ON topk.snapshots TO PUBLIC;

CREATE VIEW topk.errors WITH (security_barrier) AS
    SELECT e.at, r.name AS rollup, e.sqlstate, e.message
    FROM topk.error_log AS e
    JOIN topk.rollup AS r ON r.id = e.rollup
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.errors IS 'the last 100 errors of folding each rollup';
GRANT SELECT ON topk.errors TO PUBLIC;

-- A JSON API. Each function of schema topk_api takes named arguments and gives one jsonb, as PostgREST wants it (docs/api.md).

CREATE SCHEMA topk_api;
COMMENT ON SCHEMA topk_api IS 'JSON API of pg_topk: functions that take events, and that answer';
-- The roles as well as PUBLIC: a grant keeps them from being dropped as long as the extension is there.
GRANT USAGE ON SCHEMA topk_api TO PUBLIC, topk_reader, topk_writer;

-- Taking events. The stream is found by the caller's search_path, and that is what its defaults and triggers run under. So
-- three functions have no search_path of their own; names in them are qualified, and there are no operators.

CREATE FUNCTION topk.find_source(stream text)
    RETURNS regclass
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    source pg_catalog.regclass;
BEGIN
    BEGIN
        source := pg_catalog.to_regclass(stream);
    EXCEPTION WHEN syntax_error OR invalid_name OR feature_not_supported THEN
        -- which is what it says to names that are none
    END;
    IF source IS NULL THEN
        RAISE invalid_parameter_value
            USING MESSAGE = pg_catalog.concat('stream: there is no stream or table ', pg_catalog.quote_nullable(stream));
    END IF;
    RETURN source;
END
$$;
COMMENT ON FUNCTION topk.find_source(text) IS
    'support function of topk_api.ingest_event: the relation that a name means in the caller''s search_path; SQLSTATE 22023 where there is none';
REVOKE ALL ON FUNCTION topk.find_source(text) FROM PUBLIC;

CREATE FUNCTION topk.raise_event(single boolean, event bigint, fault text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE invalid_parameter_value
        USING MESSAGE = CASE WHEN single THEN '' ELSE format(CASE WHEN fault ^@ ':' THEN 'events[%s]' ELSE 'events[%s].' END, event) END
                        || fault;
END
$$;
COMMENT ON FUNCTION topk.raise_event(boolean, bigint, text) IS
    'support function of topk_api.ingest_events: raises the fault of an event, by its index from 0';
REVOKE ALL ON FUNCTION topk.raise_event(boolean, bigint, text) FROM PUBLIC;

CREATE FUNCTION topk.read_events(events jsonb, single boolean, OUT item_ids text[], OUT times timestamptz[], OUT sources text[],
                                 OUT metadata jsonb[], OUT event_ids uuid[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known text[] := '{item_id,timestamp,source,metadata}';
    faulty record;
BEGIN
    IF jsonb_typeof(events) IS DISTINCT FROM 'array' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'events: must be an array';
    ELSIF jsonb_array_length(events) NOT BETWEEN 1 AND 10000 THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('events: must have 1 to 10000 elements, not %s', jsonb_array_length(events));
    END IF;

    SELECT f.event, f.fault INTO faulty
    FROM (SELECT i - 1 AS event,
                 CASE
                 WHEN jsonb_typeof(e) <> 'object' THEN ': must be an object'
                 WHEN e - known <> '{}' THEN (SELECT left(min(k), 50) FROM jsonb_object_keys(e - known) AS k) || ': unknown field'
                 WHEN NOT e ? 'item_id' THEN 'item_id: missing'
                 WHEN jsonb_typeof(e -> 'item_id') <> 'string' THEN 'item_id: must be a string, not ' || jsonb_typeof(e -> 'item_id')
                 WHEN e ->> 'item_id' = '' THEN 'item_id: must not be empty'
                 WHEN octet_length(e ->> 'item_id') > 8191 THEN 'item_id: must not have more than 8191 bytes'
                 WHEN jsonb_typeof(e -> 'timestamp') NOT IN ('string', 'null') THEN
                     'timestamp: must be a string, not ' || jsonb_typeof(e -> 'timestamp')
                 WHEN e ->> 'timestamp' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
                     'timestamp: invalid input syntax for an ISO 8601 time with an offset from UTC: ' || left((e -> 'timestamp')::text, 50)
                 WHEN jsonb_typeof(e -> 'source') NOT IN ('string', 'null') THEN
                     'source: must be a string, not ' || jsonb_typeof(e -> 'source')
                 WHEN jsonb_typeof(e -> 'metadata') NOT IN ('object', 'null') THEN
                     'metadata: must be an object, not ' || jsonb_typeof(e -> 'metadata')
                 END AS fault
          FROM jsonb_array_elements(events) WITH ORDINALITY AS x (e, i)) AS f
    WHERE f.fault IS NOT NULL
    ORDER BY f.event
    LIMIT 1;
    IF FOUND THEN
        PERFORM topk.raise_event(single, faulty.event, faulty.fault);
    END IF;

    BEGIN
        SELECT array_agg(s.item), array_agg(s.at), array_agg(s.source), array_agg(s.metadata), array_agg(gen_random_uuid())
        INTO item_ids, times, sources, metadata, event_ids
        FROM (SELECT e ->> 'item_id' AS item, coalesce((e ->> 'timestamp')::timestamptz, now()) AS at, e ->> 'source' AS source,
                     nullif(e -> 'metadata', 'null') AS metadata
              FROM jsonb_array_elements(events) WITH ORDINALITY AS x (e, i)
              ORDER BY i) AS s;
    EXCEPTION WHEN data_exception THEN
        -- A day or an hour that does not exist: which one?
        FOR faulty IN SELECT i - 1 AS event, e ->> 'timestamp' AS at FROM jsonb_array_elements(events) WITH ORDINALITY AS x (e, i) LOOP
            BEGIN
                PERFORM faulty.at::timestamptz;
            EXCEPTION WHEN data_exception THEN
                PERFORM topk.raise_event(single, faulty.event, 'timestamp: ' || SQLERRM);
            END;
        END LOOP;
        RAISE;
    END;
END
$$;
COMMENT ON FUNCTION topk.read_events(jsonb, boolean) IS
    'support function of topk_api.ingest_events: checks events, and gives their fields as columns, with new ids; single: it is not an array that the user sees';
REVOKE ALL ON FUNCTION topk.read_events(jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION topk.ingest_query(source regclass, single boolean, item_ids text[], sources text[])
    RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                  WHERE c.oid = source AND c.relkind IN ('r', 'p', 'f'));
    target record;
    given text[];
    fields text[] := '{}';
    columns text[] := '{}';
    expressions text[] := '{}';
BEGIN
    IF name IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = format('stream: "%s" is not a stream or table', source);
    END IF;
    FOR target IN
        SELECT DISTINCT ON (f.field) f.field, a.attname, coalesce(nullif(t.typbasetype, 0), t.oid)::regtype AS base,
               t.typcategory = 'S' AS is_text, format('%I.%I', n.nspname, t.typname) AS type
        FROM (VALUES ('item_id', 'item_id', 1), ('timestamp', 'ts', 1), ('timestamp', 'timestamp', 2), ('source', 'source', 1),
                     ('metadata', 'metadata', 1), ('event_id', 'event_id', 1)) AS f (field, attname, preference)
        JOIN pg_attribute AS a ON a.attrelid = $1 AND a.attname = f.attname
        JOIN pg_type AS t ON t.oid = a.atttypid
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY f.field, f.preference
    LOOP
        fields := fields || target.field;
        columns := columns || quote_ident(target.attname);
        expressions := expressions || quote_ident(target.field);
        IF target.field = 'timestamp' AND target.base <> 'timestamptz'::regtype THEN
            -- The session's time zone is not what the rollup's owner thought of.
            RAISE invalid_parameter_value
                USING MESSAGE = format('stream: column %I of %s must be of type timestamp with time zone', target.attname, name);
        END IF;
        CONTINUE WHEN target.is_text OR target.field NOT IN ('item_id', 'source');

        -- Text, for a column of another type: as by its input function.
        expressions[cardinality(expressions)] := format('%I::%s', target.field, target.type);
        given := CASE target.field WHEN 'item_id' THEN item_ids ELSE sources END;
        BEGIN
            EXECUTE format('SELECT count(v::%s) FROM unnest($1) AS v', target.type) USING given;
        EXCEPTION WHEN data_exception OR check_violation THEN
            FOR i IN 1..cardinality(given) LOOP
                BEGIN
                    EXECUTE format('SELECT $1::%s', target.type) USING given[i];
                EXCEPTION WHEN data_exception OR check_violation THEN
                    PERFORM topk.raise_event(single, i - 1, format('%s: %s', target.field, SQLERRM));
                END;
            END LOOP;
            RAISE;
        END;
    END LOOP;
    IF NOT fields @> '{item_id,timestamp}' THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('stream: %s has no column %s', name, CASE WHEN 'item_id' = ANY (fields) THEN 'ts' ELSE 'item_id' END);
    END IF;
    RETURN format('INSERT INTO %s (%s) SELECT %s FROM unnest($1, $2, $3, $4, $5) AS e (item_id, "timestamp", source, metadata, event_id)',
                  name, array_to_string(columns, ', '), array_to_string(expressions, ', '));
END
$$;
COMMENT ON FUNCTION topk.ingest_query(regclass, boolean, text[], text[]) IS
    'support function of topk_api.ingest_events: the INSERT of the columns that topk.read_events gives, after a check that the relation can take them';
REVOKE ALL ON FUNCTION topk.ingest_query(regclass, boolean, text[], text[]) FROM PUBLIC;

CREATE FUNCTION topk_api.ingest_event(stream text, item_id text, "timestamp" timestamptz DEFAULT pg_catalog.now(),
                                      source text DEFAULT NULL, metadata jsonb DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    target pg_catalog.regclass := topk.find_source(stream);
    e record;
BEGIN
    SELECT * INTO e
    FROM topk.read_events(pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('item_id', item_id, 'source', source,
                                                                                     'metadata', metadata)), true);
    IF NOT pg_catalog.isfinite("timestamp") THEN
        RAISE invalid_parameter_value USING MESSAGE = 'timestamp: must be finite';
    END IF;
    EXECUTE topk.ingest_query(target, true, e.item_ids, e.sources)
    USING e.item_ids, ARRAY[coalesce("timestamp", pg_catalog.now())], e.sources, e.metadata, e.event_ids;
    RETURN pg_catalog.jsonb_build_object('accepted', 1, 'event_ids', e.event_ids);
END
$$;
COMMENT ON FUNCTION topk_api.ingest_event(text, text, timestamptz, text, jsonb) IS
    'inserts an event into a stream or table, as the caller: columns item_id, ts or timestamp, and source, metadata, event_id where there are such. {accepted: 1, event_ids: [uuid]}. timestamp: NULL means now; metadata: an object. SQLSTATE 22023 names the argument that is wrong. For topk_writer, with INSERT on the stream';
REVOKE ALL ON FUNCTION topk_api.ingest_event(text, text, timestamptz, text, jsonb) FROM PUBLIC;

CREATE FUNCTION topk_api.ingest_events(stream text, events jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    target pg_catalog.regclass := topk.find_source(stream);
    e record;
BEGIN
    SELECT * INTO e FROM topk.read_events(events, false);
    EXECUTE topk.ingest_query(target, false, e.item_ids, e.sources) USING e.item_ids, e.times, e.sources, e.metadata, e.event_ids;
    RETURN pg_catalog.jsonb_build_object('accepted', pg_catalog.cardinality(e.event_ids), 'event_ids', e.event_ids);
END
$$;
COMMENT ON FUNCTION topk_api.ingest_events(text, jsonb) IS
    'inserts 1 to 10000 events into a stream or table by one statement, all or none: an array of {"item_id": string, "timestamp": ISO 8601 string, "source": string, "metadata": object}, of which item_id must be there. Otherwise like topk_api.ingest_event; SQLSTATE 22023 names the first event that is wrong, from 0, and its field';
REVOKE ALL ON FUNCTION topk_api.ingest_events(text, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION topk.find_source(text), topk.raise_event(boolean, bigint, text), topk.read_events(jsonb, boolean),
    topk.ingest_query(regclass, boolean, text[], text[]), topk_api.ingest_event(text, text, timestamptz, text, jsonb),
    topk_api.ingest_events(text, jsonb)
TO topk_writer;

-- Asking

CREATE FUNCTION topk.check_question(rollup text, time_window text, window_start timestamptz, group_key text[], k integer DEFAULT 1)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
    fault text;
BEGIN
    SELECT r.windows, cardinality(r.group_by) AS groups INTO asked FROM topk.rollups AS r WHERE r.name = $1;
    IF NOT FOUND THEN
        -- If it exists, this is who says that the user may not ask it.
        BEGIN
            PERFORM topk.window_info($1, 'hour');
        EXCEPTION WHEN undefined_object OR null_value_not_allowed THEN
            RAISE invalid_parameter_value USING MESSAGE = concat('rollup: there is no rollup ', quote_nullable($1));
        END;
    END IF;
    fault := CASE
        WHEN $2 = ANY (asked.windows) IS NOT TRUE THEN
            format('time_window: rollup "%s" has windows %s, not %s', $1, array_to_string(asked.windows, ', '), quote_nullable($2))
        WHEN NOT $3 BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 00:00+00' THEN 'window_start: must be in the years 1 to 9999'
        WHEN $4 IS NOT NULL AND asked.groups = 0 THEN format('group_key: rollup "%s" has no groups', $1)
        WHEN cardinality($4) <> 0 AND (cardinality($4) <> asked.groups OR array_ndims($4) <> 1) THEN
            format('group_key: must have as many elements as rollup "%s" has group expressions: %s', $1, asked.groups)
        WHEN $5 BETWEEN 1 AND 1000 IS NOT TRUE THEN 'k: must be between 1 and 1000'
    END;
    IF fault IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = fault;
    END IF;
END
$$;
COMMENT ON FUNCTION topk.check_question(text, text, timestamptz, text[], integer) IS
    'checks the arguments of the functions of topk_api that answer; SQLSTATE 22023 names the one that is wrong';

CREATE FUNCTION topk_api.get_topk(rollup text, k integer DEFAULT 10, time_window text DEFAULT 'hour',
                                  window_start timestamptz DEFAULT NULL, group_key text[] DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM topk.check_question($1, $3, $4, $5, $2);
    RETURN (SELECT jsonb_build_object(
                       'time_window', $3, 'window_start', w.window_start, 'window_end', w.window_end, 'total_events', w.events,
                       'total_items', w.distinct_items, 'computed_at', statement_timestamp(),
                       'top_k', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                            'rank', t.rank, 'item_id', t.item, 'count', t.count, 'error', t.error,
                                            'guaranteed', t.guaranteed, 'share', t.share) ORDER BY t.rank), '[]')
                                 FROM topk.top($1, $3, $4, $2, $5) AS t))
            FROM topk.window_info($1, $3, $4, $5) AS w);
END
$$;
COMMENT ON FUNCTION topk_api.get_topk(text, integer, text, timestamptz, text[]) IS
    'the k (1 to 1000) items with the largest weight in a window: {time_window, window_start, window_end, top_k: [{rank, item_id, count, error, guaranteed, share, item}], total_events, total_items, computed_at}, as in topk.top and topk.window_info. window_start: any time in the window, NULL for the current one. SQLSTATE 22023 names the argument that is wrong';
