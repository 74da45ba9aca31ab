-- Stored states of all sizes: inline and toasted, exact and purged summaries, sparse and dense sketches.
SET client_min_messages = warning;
CREATE TABLE states (id int, s spacesaving, c cms);
INSERT INTO states
    SELECT g, spacesaving_agg('item_' || i * i % (5 + g * 100), 10 + g * 30), cms_agg(i * i % (3 + g * 50), 300, 3)
    FROM generate_series(0, 9) g, generate_series(1, 2000) i WHERE i <= g * 200 + 10 GROUP BY g;
CREATE TABLE large AS
    SELECT g AS id, spacesaving_agg('item_' || i * 7919 % 3001, 1000) AS s, cms_agg(i * 7919 % 3001) AS c
    FROM generate_series(1, 12) g, generate_series(1, 1000) i GROUP BY g;

-- They have few rows, since each of their allocations will fail in turn. They do not use md5(), as OpenSSL reports a failed allocation
-- as an internal error.
CREATE TABLE queries (name text, query text);
INSERT INTO queries VALUES
    ('growing', $$SELECT topk_agg('item_' || i, 3), spacesaving_agg(i, 1000), cms_agg('item_' || i, 200, 3) FROM generate_series(1, 90) i$$),
    ('purging', $$SELECT spacesaving_agg('item_' || i * i % 41, 9), spacesaving_agg(decode(repeat('ab', i), 'hex'), 5, i) FROM generate_series(1, 60) i$$),
    ('becoming dense', $$SELECT cms_agg(i * 7, 40, 2), cms_agg(i::text, 0.05, 0.9, i) FROM generate_series(1, 60) i$$),
    ('groups', $$SELECT i % 7, topk_agg(('00000000-0000-0000-0000-00000000000' || i % 5)::uuid, 2), cms_agg(i) FROM generate_series(1, 30) i GROUP BY 1 ORDER BY 1$$),
    ('toasted items', $$SELECT topk_agg(repeat(t, 3000), 2) FROM (SELECT chr(65 + i % 3) AS t FROM generate_series(1, 9) i) x$$),
    ('window', $$SELECT count(*), hashtext(string_agg(w::text, ' ')) FROM
        (SELECT spacesaving_agg(i % 5, 4) OVER (ORDER BY i ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS w FROM generate_series(1, 12) i) x$$),
    ('merge', $$SELECT hashtext(spacesaving_merge_agg(s)::text), hashtext(cms_merge_agg(c)::text) FROM states$$),
    ('merge in a window', $$SELECT hashtext(string_agg(w::text, ' ')) FROM (SELECT spacesaving_merge_agg(s) OVER (ORDER BY id) AS w FROM states) x$$),
    ('merge of large states', $$SELECT hashtext(spacesaving_merge_agg(s)::text), hashtext(cms_merge_agg(c)::text) FROM large$$),
    ('two at a time', $$SELECT a.id, total(spacesaving_merge(a.s, b.s)), total(cms_merge(a.c, b.c)) FROM states a JOIN states b ON b.id = 9 - a.id ORDER BY 1$$),
    ('adding', $$SELECT id, size(spacesaving_add(s, 'new', 5)), total(cms_add(c, 9::bigint)) FROM states ORDER BY 1$$),
    ('reading', $$SELECT id, (SELECT count(*) FROM topk(s, 20)), (SELECT sum(count) FROM heavy_hitters(s, 0.5)), frequency(s, 'item_1'), frequency(c, 1) FROM states WHERE id < 4 ORDER BY 1$$),
    ('text and bytea', $$SELECT hashtext(s::text::spacesaving::bytea::spacesaving::text), hashtext(c::text::cms::bytea::cms::text) FROM states ORDER BY id$$),
    ('worker and coordinator', $$SELECT topk_test.coord_combine_binary('topk_agg(text,integer)', state) FROM
        (SELECT topk_test.worker_partial_binary('topk_agg(text,integer)', ROW('item_' || i, 3)) AS state FROM generate_series(1, 30) i GROUP BY i % 3) x$$),
    ('empty', $$SELECT spacesaving_empty(10), cms_empty(10, 3)$$);
