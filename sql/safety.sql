-- A SELECT never changes a stored value, whatever aggregate it feeds and however often.
CREATE TEMP TABLE stored AS
    SELECT g AS id, spacesaving_agg(i % (40 + g), 30) AS summary, cms_agg(i % 40, 50, 3) AS sketch
    FROM generate_series(1, 6) g, generate_series(1, 2000) i GROUP BY g;
-- A second state, which is exact and small enough to be stored inline
INSERT INTO stored SELECT 7, spacesaving_agg(1, 30), cms_agg(1, 50, 3);
CREATE TEMP VIEW fingerprint AS
    SELECT md5(string_agg(summary::text || sketch::text, '' ORDER BY id)) AS digest FROM stored;
CREATE TEMP TABLE before AS SELECT * FROM fingerprint;

-- The same states are the first and a later input, alone and together
SELECT total(spacesaving_merge_agg(summary ORDER BY id)), total(spacesaving_merge_agg(summary ORDER BY id DESC)),
       total(cms_merge_agg(sketch)), total(spacesaving_merge_agg(summary)) FROM stored;
SELECT id, total(spacesaving_merge_agg(summary)) AS alone FROM stored GROUP BY id ORDER BY id;
SELECT total(spacesaving_merge_agg(s.summary)) FROM stored s, stored t;
-- Window frames: states are read while they grow, and started anew when a frame moves
SELECT id, total(spacesaving_merge_agg(summary) OVER w) AS growing, total(cms_merge_agg(sketch) OVER w) AS growing_cms,
       total(spacesaving_merge_agg(summary) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)) AS moving,
       total(spacesaving_merge_agg(summary) OVER ()) AS whole
FROM stored WINDOW w AS (ORDER BY id) ORDER BY id;
SELECT id, topk(spacesaving_merge_agg(summary) OVER (ORDER BY id), 1) IS NOT NULL AS read FROM stored ORDER BY id;
-- An expression uses a state twice, and one of the uses changes it
SELECT id, total(spacesaving_add(summary, 1, 5)) - total(summary) AS added, total(cms_add(sketch, 1, 5)) - total(sketch) AS added_cms,
       total(spacesaving_merge(summary, summary)) = 2 * total(summary) AS doubled FROM stored WHERE id IN (1, 7) ORDER BY id;
WITH one AS MATERIALIZED (SELECT spacesaving_agg(i % 5, 10) AS s FROM generate_series(1, 50) i)
SELECT total(s), total(spacesaving_add(s, 1)), total(spacesaving_merge(s, s)), total(s) FROM one;
DO $$
DECLARE
    state spacesaving := spacesaving_add(spacesaving_empty(4), 'a');
    kept spacesaving := state;
BEGIN
    FOR i IN 1 .. 100 LOOP
        state := spacesaving_add(state, 'b' || i);
    END LOOP;
    RAISE NOTICE 'state % kept %', total(state), total(kept);
END $$;
-- A prepared statement, and a cursor that is rewound
PREPARE day AS SELECT total(spacesaving_merge_agg(summary)) FROM stored WHERE id < $1;
EXECUTE day(3);
EXECUTE day(3);
EXECUTE day(100);
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, total(spacesaving_merge_agg(summary) OVER (ORDER BY id)) FROM stored ORDER BY id;
FETCH 3 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH 1 FROM c;
COMMIT;

SELECT b.digest = f.digest AS unchanged FROM before b, fingerprint f;

-- A user's aggregate without a final function returns states in their working form: they are stored, read, merged and packed like
-- any other
CREATE AGGREGATE pg_temp.raw_agg(text, integer) (SFUNC = spacesaving_accum, STYPE = spacesaving);
CREATE AGGREGATE pg_temp.raw_cms_agg(text) (SFUNC = cms_accum, STYPE = cms);
CREATE TEMP TABLE raw AS SELECT pg_temp.raw_agg('k' || i % 50, 20) AS summary, pg_temp.raw_cms_agg('k' || i % 50) AS sketch
    FROM generate_series(1, 1000) i;
INSERT INTO raw SELECT pg_temp.raw_agg('k' || i, 20), pg_temp.raw_cms_agg('k' || i) FROM generate_series(1, 2) i;
CREATE TEMP TABLE raw_before AS SELECT summary::text AS summary, sketch::text AS sketch FROM raw;
SELECT total(summary), total(spacesaving_add(summary, 'k1')), total(summary::text::spacesaving), total(sketch),
       (frequency(sketch, 'k1')).upper FROM raw;
SELECT total(spacesaving_merge_agg(summary)), total(cms_merge_agg(sketch)) FROM raw;
SELECT count(*) AS unchanged FROM raw r JOIN raw_before b ON r.summary::text = b.summary AND r.sketch::text = b.sketch;
