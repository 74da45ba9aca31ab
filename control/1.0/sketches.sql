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
