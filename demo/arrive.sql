-- Inserts 500 events with the present time, twenty times a second, until the session ends. Their items are drawn at random from
-- the loaded ones.
\set QUIET on
SET client_min_messages = warning;
CREATE TABLE sample AS
    SELECT row_number() OVER () AS n, item, weight FROM (SELECT item, weight FROM loaded ORDER BY random() LIMIT 10000) AS l;
ALTER TABLE sample ADD PRIMARY KEY (n);
ANALYZE sample;
DO $$
DECLARE
    size integer := (SELECT count(*) FROM sample);
BEGIN
    LOOP
        INSERT INTO events (epoch, item, weight)
        SELECT extract(epoch FROM clock_timestamp()), s.item, s.weight
        FROM (SELECT 1 + floor(random() * size)::bigint AS n FROM generate_series(1, 500)) AS r JOIN sample AS s USING (n);
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$;
