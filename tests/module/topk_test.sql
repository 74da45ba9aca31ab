-- The objects of the test module; its path replaces MODULE_PATHNAME.
CREATE SCHEMA topk_test;
SET search_path = topk_test;

-- Aggregates that run another aggregate in the way of a Citus cluster: its state on a worker, and the merging of such states on the
-- coordinator.
CREATE FUNCTION worker_partial_step(internal, regprocedure, anyelement) RETURNS internal
    LANGUAGE C AS 'MODULE_PATHNAME', 'worker_partial_step';
CREATE FUNCTION worker_partial_text_final(internal) RETURNS text
    LANGUAGE C AS 'MODULE_PATHNAME', 'worker_partial_text';
CREATE FUNCTION worker_partial_binary_final(internal) RETURNS bytea
    LANGUAGE C AS 'MODULE_PATHNAME', 'worker_partial_binary';
CREATE AGGREGATE worker_partial_text(regprocedure, anyelement)
    (SFUNC = worker_partial_step, STYPE = internal, FINALFUNC = worker_partial_text_final);
CREATE AGGREGATE worker_partial_binary(regprocedure, anyelement)
    (SFUNC = worker_partial_step, STYPE = internal, FINALFUNC = worker_partial_binary_final);

CREATE FUNCTION coord_combine_text_step(internal, regprocedure, text) RETURNS internal
    LANGUAGE C AS 'MODULE_PATHNAME', 'coord_combine_text_step';
CREATE FUNCTION coord_combine_binary_step(internal, regprocedure, bytea) RETURNS internal
    LANGUAGE C AS 'MODULE_PATHNAME', 'coord_combine_binary_step';
CREATE FUNCTION coord_combine_final(internal) RETURNS text
    LANGUAGE C AS 'MODULE_PATHNAME', 'coord_combine_final';
CREATE AGGREGATE coord_combine_text(regprocedure, text)
    (SFUNC = coord_combine_text_step, STYPE = internal, FINALFUNC = coord_combine_final);
CREATE AGGREGATE coord_combine_binary(regprocedure, bytea)
    (SFUNC = coord_combine_binary_step, STYPE = internal, FINALFUNC = coord_combine_final);

-- The memory of this backend, and failing allocations.
CREATE FUNCTION context_bytes() RETURNS bigint VOLATILE LANGUAGE C AS 'MODULE_PATHNAME', 'context_bytes';
CREATE FUNCTION heap_bytes() RETURNS bigint VOLATILE LANGUAGE C AS 'MODULE_PATHNAME', 'heap_bytes';
CREATE FUNCTION fail_each(what text, query text, stride integer DEFAULT 1) RETURNS integer
    VOLATILE STRICT LANGUAGE C AS 'MODULE_PATHNAME', 'fail_each';
RESET search_path;
