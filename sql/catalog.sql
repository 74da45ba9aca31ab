-- Every object of the extension has a COMMENT, and planner, parallel workers and Citus can use it.
CREATE TEMP VIEW members AS
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
    FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE e.extname = 'pg_topk' AND d.deptype = 'e';
SELECT object FROM members
WHERE obj_description(objid, classid::regclass::name) IS NULL
  AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid
                  AND ((t.typelem <> 0 AND t.typlen = -1) OR t.typrelid IN (SELECT oid FROM pg_class WHERE relkind <> 'c')))
ORDER BY 1;

-- Functions of sketches are immutable and run in parallel workers
SELECT p.oid::regprocedure FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE p.pronamespace::regnamespace::text !~ '^topk' AND (p.proparallel <> 's' OR p.provolatile <> 'i') ORDER BY 1;

-- No function runs with the rights of its owner.
SELECT p.oid::regprocedure FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid WHERE p.prosecdef;
-- Functions in SQL and PL/pgSQL have a fixed search_path. The exceptions find a stream and run its triggers by the search_path of
-- the caller: they qualify all names and use no operators or casts. (The last row shows what this query finds.)
CREATE TEMP VIEW in_callers_path AS
    SELECT function, regexp_replace(prosrc, '--[^\n]*|''[^'']*''|:=|\mUSING MESSAGE =', '', 'g') AS code
    FROM (SELECT p.oid::regprocedure::text AS function, p.prosrc
          FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid JOIN pg_language l ON l.oid = p.prolang
          WHERE l.lanname NOT IN ('c', 'internal') AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)
          UNION ALL VALUES ('zzz', $$x := lower(pg_catalog.upper('a = b')) || y::text; -- 1 + 1 (one)$$)) AS f;
SELECT function, array(SELECT m[1] FROM regexp_matches(code, '([-+<>=~!@#%^&|?/]+|::|\m(?:LIKE|BETWEEN|IN|DISTINCT|CAST|CASE)\M)', 'g') AS m) AS operators,
       array(SELECT m[1] FROM regexp_matches(code, '(?<![\w.])((?!coalesce|RETURN|FILTER)\w+)\s*\(', 'g') AS m) AS unqualified
FROM in_callers_path ORDER BY 1;
-- Where this changes, a library of before could misread the tables: topk.catalog_form() gets a new number (control/1.0/catalog.sql)
SELECT topk.catalog_form() AS form,
       md5(string_agg(concat_ws(' ', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod)), ',' ORDER BY c.relname, a.attnum)) AS columns
FROM members JOIN pg_class c ON classid = 'pg_class'::regclass AND objid = c.oid JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND a.attnum > 0;
-- The script never takes over an object that somebody else created before
SELECT line FROM pg_config c, regexp_split_to_table(pg_read_file(setting || '/extension/pg_topk--1.0.sql'), '\n') AS line
WHERE c.name = 'SHAREDIR' AND line ~* 'OR REPLACE|IF NOT EXISTS|SECURITY DEFINER';
-- Only the owner may use tables and sequences; everybody may read views
SELECT DISTINCT c.relkind, a.grantee::regrole, a.privilege_type
FROM members JOIN pg_class c ON classid = 'pg_class'::regclass AND objid = c.oid, aclexplode(c.relacl) a
WHERE c.relkind <> 'c' AND a.grantee <> c.relowner;
SELECT attrelid::regclass, attname, attacl FROM members JOIN pg_attribute ON classid = 'pg_class'::regclass AND objid = attrelid
WHERE attacl IS NOT NULL;
SELECT n.nspname, a.grantee::regrole::text, a.privilege_type FROM members JOIN pg_namespace n ON classid = 'pg_namespace'::regclass AND objid = n.oid,
    aclexplode(n.nspacl) a WHERE a.grantee <> n.nspowner ORDER BY 1, 2;
-- Views read no table of the extension: functions return what the user may read, so that EXPLAIN ANALYZE counts nothing else
SELECT c.oid::regclass FROM members JOIN pg_class c ON classid = 'pg_class'::regclass AND objid = c.oid
WHERE c.relkind = 'v' AND pg_get_viewdef(c.oid) ~ '(FROM|JOIN)\s+\(*topk\.\w+\s';
-- Views, defaults, constraints and policies depend only on this extension and on PostgreSQL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_depend d
WHERE (d.refclassid, d.refobjid) NOT IN (SELECT classid, objid FROM members) AND d.refobjid >= 16384
  AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_class'::regclass, 'pg_cast'::regclass)
  AND d.refobjid NOT IN (SELECT i.indexrelid FROM pg_index i JOIN members ON classid = 'pg_class'::regclass AND objid = i.indrelid)
  AND d.refobjid NOT IN (SELECT t.typarray FROM pg_type t JOIN members ON classid = 'pg_type'::regclass AND objid = t.oid)
  AND d.refobjid NOT IN (SELECT t.typrelid FROM pg_type t JOIN members ON classid = 'pg_type'::regclass AND objid = t.oid)
  AND ((d.classid, d.objid) IN (SELECT classid, objid FROM members)
       OR d.classid = 'pg_rewrite'::regclass AND d.objid IN (SELECT w.oid FROM pg_rewrite w JOIN members m ON m.objid = w.ev_class AND m.classid = 'pg_class'::regclass)
       OR d.classid = 'pg_attrdef'::regclass AND d.objid IN (SELECT w.oid FROM pg_attrdef w JOIN members m ON m.objid = w.adrelid AND m.classid = 'pg_class'::regclass)
       OR d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT w.oid FROM pg_constraint w JOIN members m ON m.objid = w.conrelid AND m.classid = 'pg_class'::regclass));
-- Functions of schemas topk and topk_api that everybody may call, and those that roles may call
SELECT p.oid::regprocedure FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE p.pronamespace IN ('topk'::regnamespace, 'topk_api'::regnamespace) AND has_function_privilege('public', p.oid, 'EXECUTE')
ORDER BY p.pronamespace, p.proname;
SELECT a.grantee::regrole::text AS role, p.oid::regprocedure FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid,
    aclexplode(p.proacl) AS a WHERE a.grantee NOT IN (0, p.proowner) ORDER BY 1, p.pronamespace, p.proname;

-- Aggregates have a real state type, a combine function, concrete argument types, and no name that Citus rewrites
SELECT p.oid::regprocedure FROM members JOIN pg_aggregate a ON classid = 'pg_proc'::regclass AND objid = a.aggfnoid
    JOIN pg_proc p ON p.oid = a.aggfnoid
WHERE a.aggtranstype NOT IN ('spacesaving'::regtype, 'cms'::regtype) OR a.aggcombinefn = 0 OR a.aggfinalextra
   OR EXISTS (SELECT FROM unnest(p.proargtypes) t JOIN pg_type ON pg_type.oid = t WHERE typtype = 'p')
   OR p.proname ~ '^(hll|topn)_|^(sum|count|max|min|avg)$'
ORDER BY 1;

SELECT count(*) AS aggregates FROM members JOIN pg_aggregate ON classid = 'pg_proc'::regclass AND objid = aggfnoid;
SELECT typname, typalign, typstorage FROM pg_type WHERE typname IN ('spacesaving', 'cms') ORDER BY 1;
