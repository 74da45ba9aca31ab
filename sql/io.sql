-- Text, binary and bytea forms are lossless, and accept nothing but valid states.
\set VERBOSITY terse
SET bytea_output = hex;

-- The stored bytes of format version 1 do not change
SELECT spacesaving_add(spacesaving_add(spacesaving_empty(100), 'banana', 3), 'fig');
SELECT spacesaving_add(spacesaving_empty(100), -2);
SELECT cms_add(cms_empty(100, 2), 'fig');

CREATE TEMP TABLE states (name text, exact spacesaving, purged spacesaving, sparse cms, dense cms);
INSERT INTO states
    SELECT 'text', spacesaving_agg(x, 100), spacesaving_agg(x, 4), cms_agg(x, 1000, 3), cms_agg(x, 4, 3)
    FROM (SELECT 'item_' || i % 20 AS x FROM generate_series(1, 60) i) v
    UNION ALL
    SELECT 'bigint', spacesaving_agg(x, 100), spacesaving_agg(x, 4), cms_agg(x, 1000, 3), cms_agg(x, 4, 3)
    FROM (SELECT i % 20 AS x FROM generate_series(1, 60) i) v;

-- in/out, send/recv and the casts give the same bytes back
SELECT name, exact::text::spacesaving::bytea = exact::bytea AS text1, purged::text::spacesaving::bytea = purged::bytea AS text2,
       sparse::text::cms::bytea = sparse::bytea AS text3, dense::text::cms::bytea = dense::bytea AS text4,
       exact::bytea::spacesaving::text = exact::text AS cast1, dense::bytea::cms::text = dense::text AS cast2,
       spacesaving_send(purged) = purged::bytea AS send1, cms_send(dense) = dense::bytea AS send2
FROM states;
CREATE TEMP TABLE copied (LIKE states);
\copy states TO 'results/io_states.bin' (FORMAT binary)
\copy copied FROM 'results/io_states.bin' (FORMAT binary)
SELECT count(*) FROM states s JOIN copied c USING (name)
WHERE s.exact::text = c.exact::text AND s.purged::text = c.purged::text AND s.sparse::text = c.sparse::text AND s.dense::text = c.dense::text;

-- Input that is not hexadecimal, or not a state
SELECT ''::spacesaving;
SELECT 'hello'::spacesaving;
SELECT '\x5'::spacesaving;
SELECT '\xzz'::cms;
SELECT '\x'::spacesaving;
SELECT '\x544b'::cms;
SELECT '\x544b530201000000'::spacesaving;
SELECT '\x544b530101000000'::spacesaving;
SELECT '\x544b430100000000'::spacesaving;
SELECT '\x544b530100000000'::cms;
SELECT ''::bytea::spacesaving;
SELECT 'abc'::bytea::cms;
SELECT (exact::bytea || '\x00')::spacesaving FROM states;
SELECT (sparse::bytea || '\x00')::cms FROM states;
SELECT exact::bytea::cms FROM states;

-- Text items must be text in this database's encoding
SELECT '\x544b5301000100000100010101000161'::spacesaving::text = spacesaving_add(spacesaving_empty(1), 'a')::text AS valid;
SELECT '\x544b53010001000001000101010001ff'::spacesaving;
SELECT '\x544b5301000100000100010101000100'::spacesaving;

-- Every byte of every state is changed to every value, and every state is truncated everywhere: the input is refused, or it is a
-- state that can be read and merged
CREATE FUNCTION pg_temp.mutate(type text, state bytea, OUT refused bigint, OUT accepted bigint, OUT other text)
LANGUAGE plpgsql AS $$
DECLARE
    changed bytea;
    probe text := CASE type WHEN 'cms' THEN 'SELECT total(cms_merge($1::cms, $1::cms))'
                            ELSE 'SELECT total(spacesaving_merge($1::spacesaving, $1::spacesaving)) + (SELECT count(*) FROM topk($1::spacesaving, 3))' END;
BEGIN
    refused := 0; accepted := 0;
    FOR position IN 0 .. length(state) - 1 LOOP
        FOR value IN -1 .. 255 LOOP
            IF value < 0 THEN
                changed := substr(state, 1, position);
            ELSE
                CONTINUE WHEN get_byte(state, position) = value;
                changed := set_byte(state, position, value);
            END IF;
            BEGIN
                EXECUTE format('SELECT $1::%s', type) USING changed;
                accepted := accepted + 1;
                EXECUTE probe USING changed;
            EXCEPTION
                WHEN invalid_binary_representation THEN refused := refused + 1;
                WHEN OTHERS THEN other := concat_ws(', ', other, SQLSTATE || ' ' || SQLERRM);
            END;
        END LOOP;
    END LOOP;
END $$;
SELECT name, type, refused + accepted = 256 * length(state) AS all_tried, refused > accepted AS mostly_refused, other
FROM states, LATERAL (VALUES ('spacesaving', exact::bytea), ('spacesaving', purged::bytea), ('cms', dense::bytea)) v (type, state),
     pg_temp.mutate(type, state);
