-- Every object of the extension is documented, and made so that planner, parallel workers and Citus can use it.
CREATE TEMP VIEW members AS
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
    FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE e.extname = 'pg_topk' AND d.deptype = 'e';
SELECT object FROM members
WHERE obj_description(objid, classid::regclass::name) IS NULL
  AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid
                  AND ((t.typelem <> 0 AND t.typlen = -1) OR t.typrelid IN (SELECT oid FROM pg_class WHERE relkind <> 'c')))
ORDER BY 1;

-- All of the sketches runs in parallel workers, and depends on its arguments alone
SELECT p.oid::regprocedure FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE p.pronamespace <> 'topk'::regnamespace AND (p.proparallel <> 's' OR p.provolatile <> 'i') ORDER BY 1;

-- Functions in other languages than C have a fixed search_path
SELECT p.oid::regprocedure FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
    JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname NOT IN ('c', 'internal') AND coalesce(p.proconfig::text, '') !~ 'search_path=pg_catalog, pg_temp' ORDER BY 1;
-- What everybody may call in schema topk
SELECT p.oid::regprocedure FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE p.pronamespace = 'topk'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY p.proname;

-- Aggregates: a real state type, combined, of concrete arguments, no name that Citus rewrites
SELECT p.oid::regprocedure FROM members JOIN pg_aggregate a ON classid = 'pg_proc'::regclass AND objid = a.aggfnoid
    JOIN pg_proc p ON p.oid = a.aggfnoid
WHERE a.aggtranstype NOT IN ('spacesaving'::regtype, 'cms'::regtype) OR a.aggcombinefn = 0 OR a.aggfinalextra
   OR EXISTS (SELECT FROM unnest(p.proargtypes) t JOIN pg_type ON pg_type.oid = t WHERE typtype = 'p')
   OR p.proname ~ '^(hll|topn)_|^(sum|count|max|min|avg)$'
ORDER BY 1;

SELECT count(*) AS aggregates FROM members JOIN pg_aggregate ON classid = 'pg_proc'::regclass AND objid = aggfnoid;
SELECT typname, typalign, typstorage FROM pg_type WHERE typname IN ('spacesaving', 'cms') ORDER BY 1;
