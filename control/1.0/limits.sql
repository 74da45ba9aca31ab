
-- Limits: what roles may insert.

CREATE TABLE topk.limit_rule (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role text COLLATE "C",
    role_oid oid,
    cluster bigint NOT NULL,
    source regclass,
    events_per_second double precision CHECK (events_per_second > float8 '0' AND events_per_second <= float8 '1e9'),
    burst bigint CHECK (burst >= 1 AND burst::float8 / events_per_second <= float8 '31622400'),
    max_item_bytes integer CHECK (max_item_bytes >= 1),
    max_metadata_bytes integer CHECK (max_metadata_bytes >= 1),
    CHECK ((events_per_second IS NULL) = (burst IS NULL)),
    CHECK ((role IS NULL) = (role_oid IS NULL))
);
COMMENT ON TABLE topk.limit_rule IS 'one row per limit, written by topk.set_limit';
COMMENT ON COLUMN topk.limit_rule.id IS 'number of its token bucket: a limit that is set again has another';
COMMENT ON COLUMN topk.limit_rule.role IS 'name of the role when the row was written: what counts in a restored dump; NULL: every role';
COMMENT ON COLUMN topk.limit_rule.role_oid IS 'OID of the role: what counts in the cluster where the row was written';
COMMENT ON COLUMN topk.limit_rule.cluster IS 'system identifier of that cluster';
COMMENT ON COLUMN topk.limit_rule.source IS 'NULL: every source';
COMMENT ON SEQUENCE topk.limit_rule_id_seq IS 'numbers of limits';

CREATE FUNCTION topk.limits_changed() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_limits_changed';
COMMENT ON FUNCTION topk.limits_changed() IS 'trigger on topk.limit_rule: sessions read it again';
REVOKE ALL ON FUNCTION topk.limits_changed() FROM PUBLIC;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON topk.limit_rule
    FOR EACH STATEMENT EXECUTE FUNCTION topk.limits_changed();
ALTER TABLE topk.limit_rule ENABLE ALWAYS TRIGGER changed;

SELECT pg_catalog.pg_extension_config_dump('topk.limit_rule', '');
SELECT pg_catalog.pg_extension_config_dump('topk.limit_rule_id_seq', '');

CREATE FUNCTION topk.set_limit(
    role regrole DEFAULT NULL,
    source regclass DEFAULT NULL,
    events_per_second double precision DEFAULT NULL,
    burst bigint DEFAULT NULL,
    max_item_bytes integer DEFAULT NULL,
    max_metadata_bytes integer DEFAULT NULL
) RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_set_limit';
COMMENT ON FUNCTION topk.set_limit(regrole, regclass, double precision, bigint, integer, integer) IS
    'limits what a role and its members (NULL: every role) may insert into a source (NULL: every source), in place of an earlier limit of both: events per second, in the long run and together (above 0 to 1000000000; SQLSTATE TK001 beyond); burst, events at once (default: those of one second, at least 1); bytes of an item, and of the column metadata (SQLSTATE TK002). For the owner of the source, and for superusers. events_per_second needs shared_preload_libraries (SQLSTATE 55000)';

CREATE FUNCTION topk.drop_limit(role regrole DEFAULT NULL, source regclass DEFAULT NULL) RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_drop_limit';
COMMENT ON FUNCTION topk.drop_limit(regrole, regclass) IS
    'removes the limit of exactly this role and source, NULL being all; SQLSTATE 42704 when there is none';

CREATE FUNCTION topk.limit_state(OUT id integer, OUT role oid, OUT tokens bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_limit_state';
COMMENT ON FUNCTION topk.limit_state() IS
    'support function of topk.limits: the limits that the user may see, their roles, and the tokens that are left';

CREATE VIEW topk.limits WITH (security_barrier) AS
    SELECT coalesce(r.rolname::text, l.role) AS role, l.source, l.events_per_second, l.burst, l.max_item_bytes, l.max_metadata_bytes,
           s.tokens
    FROM topk.limit_rule AS l
    JOIN topk.limit_state() AS s ON s.id = l.id
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.role;
COMMENT ON VIEW topk.limits IS
    'the limits that the user may set, and those that hold for the user; tokens: events that may be inserted at once now, NULL without events_per_second or shared_preload_libraries';
GRANT SELECT ON topk.limits TO PUBLIC;
GRANT EXECUTE ON FUNCTION topk.limit_state() TO PUBLIC;
