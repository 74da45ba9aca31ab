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
    WHERE pg_catalog.has_table_privilege(r.source, 'SELECT');
COMMENT ON VIEW topk.rollups IS
    'the rollups that the user may read: how each was made, and running totals over what has been folded: events, weight, late (for tiles that were over), rejected (time missing or outside what is accepted), overflowed (of groups past max_groups)';
GRANT SELECT ON topk.rollups TO PUBLIC;

CREATE VIEW topk.groups WITH (security_barrier) AS
    SELECT r.name AS rollup, g.grp AS group_key
    FROM topk.group_key AS g
    JOIN topk.rollup AS r ON r.id = g.rollup
    WHERE pg_catalog.has_table_privilege(r.source, 'SELECT');
COMMENT ON VIEW topk.groups IS 'the groups of each rollup that have counts of their own, as far as they have been folded';
GRANT SELECT ON topk.groups TO PUBLIC;

CREATE VIEW topk.snapshots WITH (security_barrier) AS
    SELECT r.name AS rollup, s.window_kind, s.start AS window_start, s.stop AS window_end, s.grp AS group_key, s.events, s.weight,
           s.distinct_items, e.rank, e.item, e.count, e.error, e.guaranteed
    FROM topk.snapshot AS s
    JOIN topk.rollup AS r ON r.id = s.rollup
    CROSS JOIN LATERAL pg_catalog.unnest(s.entries) AS e
    WHERE pg_catalog.has_table_privilege(r.source, 'SELECT');
COMMENT ON VIEW topk.snapshots IS 'the top k of each window that is over, one row per item; kept as long as retention says';
GRANT SELECT ON topk.snapshots TO PUBLIC;

CREATE VIEW topk.errors WITH (security_barrier) AS
    SELECT e.at, r.name AS rollup, e.sqlstate, e.message
    FROM topk.error_log AS e
    JOIN topk.rollup AS r ON r.id = e.rollup
    WHERE pg_catalog.has_table_privilege(r.source, 'SELECT');
COMMENT ON VIEW topk.errors IS 'the last 100 errors of folding each rollup';
GRANT SELECT ON topk.errors TO PUBLIC;

-- For people who look: a leaderboard, and how right an answer is.

CREATE FUNCTION topk.chart(rollup text, window_kind text, k integer DEFAULT 10, width integer DEFAULT 40,
                           at timestamptz DEFAULT pg_catalog.now(), group_key text[] DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 12
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    info record;
    -- Where a client could not show the symbols, the query would be an error.
    unicode constant boolean := getdatabaseencoding() = 'UTF8' AND current_setting('client_encoding') = 'UTF8';
    up text := '+';
    down text := '-';
    new text := '*';
    ellipsis text := '~';
    block text := '#';
    digits constant text := 'FM9,999,999,999,999,999,999';
    -- What terminals do not show in place, and what takes two columns there.
    unprintable constant text := CASE WHEN unicode THEN '[\u0001-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]'
                                      ELSE '[\x01-\x1f\x7f]' END;
    wide constant text := '([\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60'
                          '\uffe0-\uffe6\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\U00020000-\U0003fffd])';
    half constant text := chr(1); -- in front of a wide character, until the line is made
BEGIN
    k := coalesce(k, 10);
    width := coalesce(width, 40);
    IF k NOT BETWEEN 1 AND 10000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'k must be between 1 and 10000';
    ELSIF width NOT BETWEEN 10 AND 500 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'width must be between 10 and 500';
    END IF;
    IF unicode THEN
        up := chr(x'25b2'::int);
        down := chr(x'25bc'::int);
        new := chr(x'2605'::int);
        ellipsis := chr(x'2026'::int);
        block := chr(x'2588'::int);
    END IF;
    SELECT * INTO info FROM topk.window_info($1, $2, $5, $6);
    RETURN NEXT format('%s, %s from %s to %s', regexp_replace($1 || coalesce(' ' || $6::text, ''), unprintable, '?', 'g'), $2,
                       to_char(info.window_start, 'YYYY-MM-DD HH24:MI'), to_char(info.window_end, 'YYYY-MM-DD HH24:MI TZ'));
    RETURN NEXT format('%s event%s, %s%s distinct item%s%s', to_char(info.events, digits), CASE WHEN info.events <> 1 THEN 's' END,
                       CASE WHEN info.error_bound > 0 THEN 'about ' END, to_char(info.distinct_items, digits),
                       CASE WHEN info.distinct_items <> 1 THEN 's' END,
                       CASE WHEN info.weight <> info.events THEN ', weight ' || to_char(info.weight, digits) END);
    RETURN QUERY
    WITH present AS MATERIALIZED (
        SELECT t.*, regexp_replace(CASE WHEN unicode THEN normalize(left(t.item, 1000), NFC) ELSE left(t.item, 1000) END,
                                   unprintable, '?', 'g') AS shown
        FROM topk.top($1, $2, $5, $3, $6) AS t
    ), kept AS MATERIALIZED (
        SELECT t.item, t.rank
        FROM topk.top($1, $2, info.window_start - interval '1 microsecond', least(greatest(10 * $3, 100), 10000), $6) AS t
    ), previous AS (
        TABLE kept
        UNION ALL -- what is left where retention has removed the window
        SELECT s.item, s.rank
        FROM topk.snapshots AS s
        WHERE NOT EXISTS (TABLE kept) AND s.rollup = $1 AND s.window_kind = $2 AND s.window_end = info.window_start
          AND s.group_key IS NOT DISTINCT FROM $6
    ), columns AS (
        SELECT p.rank, p.count, CASE WHEN p.guaranteed THEN ' ' ELSE '~' END || p.rank AS place,
               CASE WHEN v.rank > p.rank THEN up || v.rank - p.rank WHEN v.rank < p.rank THEN down || p.rank - v.rank
                    WHEN v.rank = p.rank THEN '=' ELSE new END AS change,
               CASE WHEN unicode THEN regexp_replace(p.shown, wide, half || '\1', 'g') ELSE p.shown END AS item,
               to_char(p.count, digits) AS number,
               to_char(100 * p.share, 'FM990.00') || '%' AS share
        FROM present AS p
        LEFT JOIN previous AS v ON v.item = p.item
    ), sizes AS (
        SELECT max(length(place)) AS place, max(length(change)) AS change, max(length(number)) AS number, max(length(share)) AS share,
               max(length(item)) AS longest, max(count)::double precision AS first
        FROM columns
    ), shape AS (
        -- A line is at most 38 columns wider than its bar; an item that is longer than what that leaves is taken from the bar.
        SELECT s.*, item, least(width, room - item) AS bar
        FROM sizes AS s, greatest(width + 33 - s.place - s.change - s.number - s.share, 20) AS room,
             least(s.longest, greatest(room - width, room / 2)) AS item
    )
    SELECT concat_ws(
        ' ', lpad(c.place, s.place), rpad(c.change, s.change),
        translate(rpad(CASE WHEN length(c.item) <= s.item THEN c.item
                            ELSE regexp_replace(left(c.item, s.item - 1), half || '$', '') || ellipsis END, s.item), half, ''),
        rpad(repeat(block, eighths / 8)
             || CASE WHEN unicode AND eighths % 8 > 0 THEN chr(x'2590'::int - eighths % 8) ELSE '' END, s.bar),
        lpad(c.number, s.number), lpad(c.share, s.share))
    FROM columns AS c, shape AS s, CAST(ceil(8 * s.bar * (c.count / s.first)) AS integer) AS eighths
    ORDER BY c.rank;
END
$$;
COMMENT ON FUNCTION topk.chart(text, text, integer, integer, timestamptz, text[]) IS
    'the k (1 to 10000) first items of topk.top as lines of text, for people (psql: \watch): rank, how it changed since the window before (places risen or fallen, = none, a star: was not among the first 10 * k, 100 at least), item, bar, count, share. ~ before a rank: not guaranteed. width (10 to 500): longest bar in columns; a line has 38 more at most. Errors: as topk.top';

CREATE FUNCTION topk.accuracy(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), INOUT k integer DEFAULT 10,
                              group_key text[] DEFAULT NULL,
                              OUT "precision" double precision, OUT recall double precision, OUT mean_relative_error double precision,
                              OUT largest_error bigint, OUT guaranteed bigint, OUT guaranteed_wrong bigint,
                              OUT bound_violations bigint, OUT events bigint, OUT exact_events bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    -- The settings under which expressions are stored, and capture understands them.
    SET search_path = pg_catalog, pg_temp
    SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres'
    SET bytea_output = 'hex'
    SET extra_float_digits = 1
AS $$
#variable_conflict use_column
DECLARE
    info record;
    definition record;
BEGIN
    k := coalesce(k, 10);
    IF k NOT BETWEEN 1 AND 10000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'k must be between 1 and 10000';
    END IF;
    SELECT * INTO info FROM topk.window_info($1, $2, $3, $5);
    SELECT r.*, c.relkind, n.nspname, c.relname,
           (SELECT string_agg(format('(%s)::text COLLATE "C"', u.expression), ', ' ORDER BY u.i)
            FROM unnest(r.group_by) WITH ORDINALITY AS u (expression, i)) AS groups
    INTO definition
    FROM topk.rollups AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.name = $1;
    IF definition.relkind NOT IN ('r', 'p') THEN
        RAISE wrong_object_type USING
            MESSAGE = format('cannot compare rollup "%s" with exact counts', $1),
            DETAIL = 'Its source is a stream, which keeps no rows.',
            HINT = 'To compare, insert a part of the events into a table with a rollup of the same parameters, too.';
    ELSIF row_security_active(definition.source) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('cannot compare rollup "%s" with exact counts', $1),
            DETAIL = 'Row-level security of its table may hide rows from the current user.';
    ELSIF $5 = '{}' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'cannot compare the overflow group with exact counts',
            DETAIL = 'Which groups it has counted depends on the order in which they came.';
    END IF;
    EXECUTE format(
        $query$
        WITH found AS (
            -- OFFSET 0: of a row that the filter excludes nothing else is evaluated, as in capture.
            SELECT (%1$s)::text COLLATE "C" AS item, (%2$s)::bigint AS weight, ARRAY[%3$s]::text[] AS grp
            FROM %4$s%5$I.%6$I
            WHERE (%7$s) >= $1 AND (%7$s) < $2 AND (%8$s)
            OFFSET 0
        ), exact AS MATERIALIZED (
            SELECT f.item, sum(f.weight) AS weight, count(*) AS events
            FROM found AS f
            WHERE f.item IS NOT NULL AND f.weight IS NOT NULL AND ($3 IS NULL OR f.grp = $3)
            GROUP BY f.item
        ), listed AS MATERIALIZED ( -- all that are monitored, or the first 10000 of them
            SELECT t.item COLLATE "C" AS item, t.count, t.error FROM topk.top($4, $5, $6, 10000, $3) AS t
        ), answer AS MATERIALIZED (
            SELECT t.item COLLATE "C" AS item, t.count, t.guaranteed FROM topk.top($4, $5, $6, $7, $3) AS t
        ), true_top AS (
            SELECT min(t.weight) AS least, count(*) AS places
            FROM (SELECT e.weight FROM exact AS e WHERE e.weight > 0 ORDER BY e.weight DESC LIMIT $7) AS t
        ), outside AS (
            SELECT max(e.weight) AS largest FROM exact AS e WHERE e.item NOT IN (SELECT a.item FROM answer AS a)
        ), judged AS (
            SELECT coalesce(e.weight, 0) AS weight, abs(a.count - coalesce(e.weight, 0)) AS error, a.guaranteed
            FROM answer AS a
            LEFT JOIN exact AS e USING (item)
        ), violations AS (
            SELECT count(*) FILTER (WHERE coalesce(e.weight, 0) NOT BETWEEN l.count - l.error AND l.count) AS of_listed,
                   CASE WHEN count(*) = 10000 THEN greatest(min(l.count), $8) ELSE $8 END AS bound_of_others
            FROM listed AS l
            LEFT JOIN exact AS e USING (item)
        )
        SELECT (count(*) FILTER (WHERE j.weight >= t.least))::double precision / nullif(count(j.weight), 0),
               (count(*) FILTER (WHERE j.weight >= t.least))::double precision / nullif(t.places, 0),
               (avg(j.error / nullif(j.weight, 0)))::double precision, max(j.error)::bigint,
               count(*) FILTER (WHERE j.guaranteed), count(*) FILTER (WHERE j.guaranteed AND j.weight < o.largest),
               v.of_listed + (SELECT count(*) FROM exact AS e
                              WHERE e.weight > v.bound_of_others AND e.item NOT IN (SELECT l.item FROM listed AS l)),
               (SELECT coalesce(sum(e.events), 0)::bigint FROM exact AS e)
        FROM true_top AS t
        CROSS JOIN outside AS o
        CROSS JOIN violations AS v
        LEFT JOIN judged AS j ON true
        GROUP BY t.places, v.of_listed, v.bound_of_others
        $query$,
        definition.item, coalesce(definition.weight, '1'), definition.groups, CASE WHEN definition.relkind = 'r' THEN 'ONLY ' END,
        definition.nspname, definition.relname, definition.event_time, coalesce(definition.filter, 'true'))
    USING info.window_start, info.window_end, $5, $1, $2, $3, k, info.error_bound
    INTO precision, recall, mean_relative_error, largest_error, guaranteed, guaranteed_wrong, bound_violations, exact_events;
    events := info.events;
END
$$;
COMMENT ON FUNCTION topk.accuracy(text, text, timestamptz, integer, text[]) IS
    'compares topk.top with exact counts of the rows that the table has in the window, by the caller''s snapshot and with the caller''s rights. precision: share of the answer that is in the true top k (1 to 10000; ties at the last place are right); recall: share of the true top k that is in the answer; errors of the counts in the answer; guaranteed_wrong, and bound_violations of any item: 0, as long as events = exact_events, which says that the table still has what was counted, and no more. SQLSTATE 42809 for a stream';
