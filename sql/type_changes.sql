-- A column changes its type: what the user wrote decides, not what it is coerced to
CREATE FUNCTION change(role text, expression text, column_type text, new_type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    BEGIN
        EXECUTE format('CREATE TABLE typed (c %s, other text, at timestamptz)', column_type);
        PERFORM topk.create_rollup('typed', 'typed', CASE role WHEN 'item' THEN expression ELSE 'other' END,
                                   CASE role WHEN 'event_time' THEN expression ELSE 'at' END,
                                   CASE role WHEN 'group_by' THEN ARRAY[expression] ELSE '{}' END,
                                   weight => CASE role WHEN 'weight' THEN expression END,
                                   filter => CASE role WHEN 'filter' THEN expression END);
        BEGIN
            EXECUTE format('ALTER TABLE typed ALTER c TYPE %s', new_type);
            result := 'changed';
            INSERT INTO typed VALUES (NULL, NULL, NULL);
        EXCEPTION WHEN OTHERS THEN
            result := SQLSTATE || ' ' || SQLERRM;
        END;
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        RETURN result;
    END;
END$$;
CREATE TYPE letter AS ENUM ('a', 'b');
CREATE DOMAIN small AS integer CHECK (VALUE < 1000);
CREATE DOMAIN word AS text;
CREATE COLLATION bytewise (provider = libc, locale = 'C');

SELECT role, e AS expression, a || ' to ' || b AS change, change(role, e, a, b) FROM (VALUES
    ('item', 'c', 'integer', 'numeric'), ('item', 'c', 'integer', 'text'), ('item', 'c', 'integer', 'real'), ('item', 'c', 'integer', 'bigint'),
    ('item', 'c', 'bigint', 'numeric'), ('item', 'c', 'bigint', 'smallint'), ('item', 'c', 'small', 'integer'), ('item', 'c', 'small', 'text'),
    ('item', 'c', 'text', 'varchar(3)'), ('item', 'c', 'varchar(3)', 'varchar(9)'), ('item', 'c', 'varchar', 'word'), ('item', 'c', 'letter', 'text'),
    ('item', 'c', 'text', 'integer USING 1'), ('item', 'c', 'text', 'bytea USING NULL'), ('item', 'c', 'uuid', 'text'), ('item', 'c', 'date', 'timestamp'),
    ('item', 'c', 'timestamptz', 'timestamp'), ('item', 'c', 'timestamptz', 'timestamptz(0)'), ('item', 'c', 'numeric(9,2)', 'numeric(12,2)'),
    ('item', 'c', 'numeric(9,2)', 'numeric(9,3)'), ('item', 'c', 'numeric', 'integer'), ('item', 'c', 'json', 'jsonb'), ('item', 'c', 'real', 'float8'),
    ('item', 'c', 'text', 'text COLLATE bytewise'), ('item', $$c->>'a'$$, 'json', 'jsonb'), ('item', 'c * 2', 'integer', 'bigint'),
    ('item', 'c / 2', 'integer', 'numeric'), ('item', 'left(c, 2)', 'varchar(3)', 'text'), ('item', 'c[1]', 'integer[]', 'numeric[]'),
    ('event_time', 'c', 'timestamptz', 'timestamp'), ('event_time', 'c', 'timestamp', 'date'), ('event_time', 'c', 'timestamptz', 'text'),
    ('event_time', 'to_timestamp(c)', 'integer', 'numeric'), ('event_time', 'to_timestamp(c)', 'integer', 'bigint'),
    ('weight', 'c', 'integer', 'bigint'), ('weight', 'c', 'integer', 'numeric'), ('weight', 'c', 'bigint', 'text'), ('weight', 'c', 'small', 'bigint'),
    ('weight', 'coalesce(c, 1)', 'integer', 'numeric'),
    ('filter', 'c', 'boolean', 'integer USING 1'), ('filter', 'c > 5', 'integer', 'bigint'), ('filter', 'c > 5', 'integer', 'numeric'),
    ('filter', 'c / 2 = 1', 'integer', 'real'), ('filter', $$c = 'a'$$, 'letter', 'text'), ('filter', $$c > 'a'$$, 'text', 'text COLLATE bytewise'),
    ('filter', $$c > 'a'$$, 'text', 'varchar(5)'), ('filter', $$c = 'a'$$, 'varchar(2)', 'integer USING 1'), ('filter', 'c IS NULL', 'integer', 'numeric'),
    ('group_by', 'c', 'integer', 'numeric'), ('group_by', 'c', 'integer', 'bigint'), ('group_by', 'c', 'integer', 'text'), ('group_by', 'c', 'letter', 'varchar'),
    ('group_by', 'c', 'timestamp', 'timestamptz'), ('group_by', 'c', 'date', 'date'), ('group_by', 'c::date', 'timestamp', 'timestamptz'),
    ('group_by', 'c + 1', 'integer', 'numeric')) AS v (role, e, a, b);

-- Half an item is no item
CREATE TABLE halves (i integer, at timestamptz DEFAULT now());
SELECT topk.create_rollup('halves', 'halves', 'i', 'at') > 0 AS created;
INSERT INTO halves VALUES (2);
ALTER TABLE halves ALTER i TYPE numeric;
ALTER TABLE halves ALTER i TYPE text;
ALTER TABLE halves ALTER i TYPE bigint;
INSERT INTO halves VALUES (2);
SELECT item, count FROM topk.top('halves', 'day');
DROP TABLE halves;

-- Types of a composite type that is the type of tables, and of a parent
CREATE TYPE event AS (i integer, at timestamptz);
CREATE TABLE of_type OF event;
SELECT topk.create_rollup('of_type', 'of_type', 'i', 'at') > 0 AS created;
ALTER TYPE event ALTER ATTRIBUTE i TYPE numeric CASCADE;
ALTER TYPE event ALTER ATTRIBUTE i TYPE bigint CASCADE;
ALTER TYPE event RENAME ATTRIBUTE i TO item CASCADE;
INSERT INTO of_type VALUES (5, now());
SELECT item FROM topk.rollups;
SELECT item, count FROM topk.top('of_type', 'day');
DROP TABLE of_type;
DROP TYPE event;
CREATE TABLE parent (i integer, at timestamptz);
CREATE TABLE child () INHERITS (parent);
SELECT topk.create_rollup('child', 'child', 'i', 'at') > 0 AS created;
ALTER TABLE parent ALTER i TYPE numeric;
ALTER TABLE parent ALTER i TYPE bigint;
-- A change that no event trigger saw does not reach the expressions unchecked
SET session_replication_role = replica;
ALTER TABLE parent ALTER i TYPE text;
RESET session_replication_role;
INSERT INTO child VALUES ('a', now());
SET session_replication_role = replica;
ALTER TABLE parent ALTER i TYPE smallint USING 1;
RESET session_replication_role;
INSERT INTO child VALUES (7, now());
SELECT item, count FROM topk.top('child', 'day');
DROP TABLE parent CASCADE;

DROP FUNCTION change;
DROP TYPE letter;
DROP DOMAIN small, word;
DROP COLLATION bytewise;
