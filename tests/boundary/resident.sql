-- Prints the largest resident memory of this backend in kB, after :rows events in one group.
SELECT cardinality(topk_agg('item_' || i * i % 100003, 10)), size(spacesaving_agg(i * i % 100003, 500)), total(cms_agg(i % 100003))
FROM (SELECT generate_series(1, :rows::bigint) AS i) x \gset
SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s*(\d+)');
