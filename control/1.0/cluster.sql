
-- Nodes: other databases whose counts answers include.

CREATE FUNCTION topk.add_node(server text)
    RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_add_node';
COMMENT ON FUNCTION topk.add_node(text) IS
    'makes the database of a foreign server of postgres_fdw a node: from the commit on, answers of this database include its counts. Each role that asks needs a user mapping for the server, and rollups of the same names there, in schemas of the same names. Superusers may call it, and roles that were granted EXECUTE and have USAGE on the server. The name pg_dist_node stands for all other primaries that Citus knows, which the role asks by its own name. Raises SQLSTATE 42710 if it is a node already.';
REVOKE ALL ON FUNCTION topk.add_node(text) FROM PUBLIC;

CREATE FUNCTION topk.drop_node(server text)
    RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_drop_node';
COMMENT ON FUNCTION topk.drop_node(text) IS
    'ends that a database is a node: from the commit on, answers of this database lack its counts, which stay where they are. The foreign server stays too. Raises SQLSTATE 42704 if there is no such node.';
REVOKE ALL ON FUNCTION topk.drop_node(text) FROM PUBLIC;

CREATE FUNCTION topk.listed_nodes(OUT server text, OUT added timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 3
    AS 'MODULE_PATHNAME', 'topk_listed_nodes';
COMMENT ON FUNCTION topk.listed_nodes() IS 'support function of topk.nodes: returns the rows of topk.node';
GRANT EXECUTE ON FUNCTION topk.listed_nodes() TO PUBLIC;

CREATE VIEW topk.nodes AS
    SELECT n.server, s.oid IS NOT NULL OR n.server = text 'pg_dist_node' AS exists,
           EXISTS (SELECT FROM pg_catalog.pg_user_mappings AS m
                   WHERE m.srvid = s.oid AND m.usename IN (CURRENT_USER, name 'public')) OR n.server = text 'pg_dist_node' AS mapped,
           n.added
    FROM topk.listed_nodes() AS n
    LEFT JOIN pg_catalog.pg_foreign_server AS s ON s.srvname = n.server::name;
COMMENT ON VIEW topk.nodes IS 'the nodes of this database, which topk.add_node adds: other databases whose counts answers include';
COMMENT ON COLUMN topk.nodes.server IS 'name of the foreign server';
COMMENT ON COLUMN topk.nodes.exists IS 'false if the foreign server was dropped or renamed: answers fail then, until topk.drop_node';
COMMENT ON COLUMN topk.nodes.mapped IS 'whether there is a user mapping for the current user; answers fail without one';
COMMENT ON COLUMN topk.nodes.added IS 'time of topk.add_node';
GRANT SELECT ON topk.nodes TO PUBLIC;
