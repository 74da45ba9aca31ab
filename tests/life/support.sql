\ir ../../sql/include/outcome.sql
-- Returns the items of a rollup and their counts in one line, for the present month and the two before
CREATE FUNCTION counts(rollup text, group_key text[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(item || '=' || n, ' ' ORDER BY item COLLATE "C"), '')
    FROM (SELECT item, sum(count) AS n FROM topk.range($1, now() - interval '62 days', now() + interval '1 hour', 1000, $2) GROUP BY 1) AS x
$$;
CREATE FUNCTION fold_all() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    id integer;
    again boolean;
BEGIN
    FOR id IN SELECT r.id FROM topk.rollup AS r ORDER BY 1 LOOP
        LOOP
            SELECT more INTO again FROM topk.fold(id);
            EXIT WHEN NOT again;
        END LOOP;
    END LOOP;
END$$;
CREATE FUNCTION sqlstate_of(statement text) RETURNS text LANGUAGE sql AS $$SELECT split_part(outcome($1), ' ', 1)$$;
