-- Items may have 0 to 8,191 bytes and any characters, however they are stored.
\set VERBOSITY terse
SELECT item = '' AS empty_item, count FROM unnest((SELECT topk_agg(x, 2) FROM unnest('{"","",a}'::text[]) x)) t;
SELECT topk_agg(x, 5) FROM unnest('{Größe,グラフ,😀,Größe,Größe }'::text[]) x;
SELECT topk_agg(x, 5) FROM unnest(ARRAY[E'a\nb', E'a\tb', 'a"b', 'a,b', 'a\b']) x;

-- Items are equal if their bytes are, whatever their case, composition or collation
SELECT count(*) FROM unnest((SELECT topk_agg(x COLLATE "C", 9) FROM unnest(ARRAY['É', 'É', 'é', 'E']) x));

-- An item of 8,191 bytes is counted and one of 8,192 is refused, with characters of any width, compressed, toasted or not
SELECT length(item), count FROM unnest((SELECT topk_agg(repeat('x', 8191), 1) FROM generate_series(1, 3))) t;
\set VERBOSITY default
SELECT topk_agg(repeat('x', 8192), 1);
\set VERBOSITY terse
SELECT topk_agg(repeat('é', 4096), 1);
SELECT octet_length(item), count FROM unnest((SELECT topk_agg(repeat('é', 4095), 1))) t;
SELECT spacesaving_agg(repeat('x', 10 * 1024 * 1024), 10);
SELECT cms_agg(repeat('x', 10 * 1024 * 1024));
SELECT spacesaving_add(spacesaving_empty(1), repeat('x', 8192));
SELECT frequency(spacesaving_empty(1), repeat('x', 8192));
SELECT frequency(cms_empty(), convert_to(repeat('x', 8192), 'UTF8'));

CREATE TEMP TABLE documents (body text, packed text, plain text);
ALTER TABLE documents ALTER plain SET STORAGE external;
INSERT INTO documents SELECT b, b, b FROM generate_series(1, 3) i, repeat('abcdefgh' || i % 2, 900) b;
INSERT INTO documents SELECT b, b, b FROM repeat('z', 10 * 1024 * 1024) b;
SELECT length(item), count FROM unnest((SELECT topk_agg(body, 5) FROM documents WHERE length(body) < 9000)) t;
SELECT length(item), count FROM unnest((SELECT topk_agg(plain, 5) FROM documents WHERE length(body) < 9000)) t;
SELECT frequency(cms_agg(packed), repeat('abcdefgh1', 900)) FROM documents WHERE length(body) < 9000;
SELECT topk_agg(packed, 5) FROM documents;
SELECT topk_agg(plain, 5) FROM documents;

-- Items that differ in one byte of 8,191 are different
SELECT count(*), min(count), max(count), bool_and(error = 0)
FROM unnest((SELECT topk_agg(overlay(repeat('x', 8191) PLACING 'y' FROM 1 + (i % 100) * 82), 200) FROM generate_series(1, 300) i)) t;

-- Long items make long states; tables toast them, and they can be read and merged like others
CREATE TEMP TABLE long_states AS
    SELECT g, spacesaving_agg(lpad(i::text, 2000, 'k'), 500) AS s, cms_agg(lpad(i::text, 2000, 'k')) AS c
    FROM generate_series(1, 3) g, generate_series(1, 400) i GROUP BY g;
SELECT g, size(s), total(s), pg_column_size(s) > 800000 AS toasted FROM long_states ORDER BY g;
SELECT length(item), count FROM topk((SELECT spacesaving_merge_agg(s) FROM long_states), 2);
SELECT frequency(cms_merge_agg(c), lpad('7', 2000, 'k')) FROM long_states;

-- No state outgrows PostgreSQL's limit of 1 GB for a value: 200,000 items of 8 kB are refused
SELECT spacesaving_agg(lpad(i::text, 8000, 'k'), 1000000) FROM generate_series(1, 200000) i;
