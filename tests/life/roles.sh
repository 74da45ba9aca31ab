# Roles topk_reader and topk_writer, which all databases of a server share

roles="SELECT string_agg(rolname || CASE WHEN rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls THEN '!' ELSE '' END, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname ~ '^topk_'"
here_are=(life_r1 life_r2 life_r3 life_r4)
for database in "${here_are[@]}"; do
    psql -d postgres -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database"
done
psql -d postgres -c 'DROP ROLE IF EXISTS topk_reader, topk_writer'

# hold_role ROLE COMMIT|ROLLBACK DATABASE: another session has created the role, and ends when CREATE EXTENSION waits for it
hold_role() {
    psql -d postgres -c BEGIN -c "CREATE ROLE $1" -c "DO \$\$BEGIN
            FOR i IN 1..3000 LOOP
                EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid');
                PERFORM pg_sleep(0.01);
            END LOOP;
        END\$\$" -c "$2" &
    wait_for 30 1 query postgres "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^DO' AND pid <> pg_backend_pid()"
    sql "$3" -c 'CREATE EXTENSION pg_topk'
    wait $!
}
check 'another database creates a role' '' "$(hold_role topk_reader COMMIT life_r1)"
check '... both are there' 'topk_reader topk_writer' "$(sql postgres -c "$roles")"
sql life_r1 -c 'DROP EXTENSION pg_topk' >/dev/null
check 'DROP EXTENSION leaves them' 'topk_reader topk_writer' "$(sql postgres -c "$roles")"
check '... they can be dropped then' '' "$(sql postgres -c 'DROP ROLE topk_reader, topk_writer')"
check 'another database creates a role, and does not' '' "$(hold_role topk_writer ROLLBACK life_r1)"
check '... both are there' 'topk_reader topk_writer' "$(sql postgres -c "$roles")"
sql life_r1 -c 'DROP EXTENSION pg_topk' -c 'DROP ROLE topk_reader, topk_writer' >/dev/null
check 'four databases at once, none of which has the roles' '' "$(for database in "${here_are[@]}"; do sql "$database" -c 'CREATE EXTENSION pg_topk' & done; wait)"
check '... both are there' 'topk_reader topk_writer' "$(sql postgres -c "$roles")"
check 'CREATE EXTENSION is for superusers, also for the owner of a database' 'ERROR:  42501' "$(sql life_r4 -c 'DROP EXTENSION pg_topk' -c 'CREATE ROLE life_owner CREATEROLE' -c 'ALTER DATABASE life_r4 OWNER TO life_owner' -c 'SET ROLE life_owner' -c 'CREATE EXTENSION pg_topk')"
sql life_r4 -c 'ALTER DATABASE life_r4 OWNER TO postgres' -c 'CREATE EXTENSION pg_topk' -c 'DROP ROLE life_owner' >/dev/null
check 'a role is not dropped as long as an extension needs it' $'ERROR:  2BP01\nERROR:  2BP01' "$(sql postgres -c 'DROP ROLE topk_reader' -c 'DROP ROLE topk_writer')"
check 'CREATE EXTENSION that is undone leaves nothing' 'topk_reader topk_writer' "$(sql life_r4 -c BEGIN -c 'DROP EXTENSION pg_topk' -c 'CREATE EXTENSION pg_topk' -c ROLLBACK -c "$roles")"

# The roles are dropped by force: users other than the owner may no longer read, and no other role of that name gives rights
psql -d life_r1 -f "$here/support.sql" && psql -d life_r1 <<'SQL' >/dev/null
CREATE ROLE life_reader IN ROLE topk_reader; CREATE ROLE life_owner;
CREATE FOREIGN TABLE s (item text, ts timestamptz DEFAULT now()) SERVER topk;
ALTER FOREIGN TABLE s OWNER TO life_owner;
GRANT SELECT ON s TO life_reader;
SELECT topk.create_rollup('s', 's', 'item', 'ts');
SQL
asks="SELECT sqlstate_of('SELECT * FROM topk.top(''s'', ''day'')'), (SELECT count(*) FROM topk.rollups)"
check 'a reader asks' 'done|1' "$(sql life_r1 -c 'SET ROLE life_reader' -c "$asks")"
check 'a dump restores the grants to the roles' '1|1|1' "$(psql -d postgres -c 'CREATE DATABASE life_r5' && "$bindir/pg_dump" -d life_r1 | psql -d life_r5 -o /dev/null 2>&1
    sql life_r5 -c "SELECT count(*) FILTER (WHERE has_function_privilege('topk_writer', oid, 'EXECUTE')), count(*) FILTER (WHERE NOT has_function_privilege('topk_reader', oid, 'EXECUTE')), count(*) FROM pg_proc WHERE proname = 'ingest_events'")"
for database in life_r5 life_r4 life_r3 life_r2; do psql -d postgres -c "DROP DATABASE $database"; done
psql -d life_r1 -c 'DROP OWNED BY topk_reader' -c 'DROP ROLE topk_reader'
check 'without the role a reader does not ask' '42501|0' "$(sql life_r1 -c 'SET ROLE life_reader' -c "$asks")"
check '... the owner and superusers do' $'done|1\ndone|1' "$(sql life_r1 -c 'SET ROLE life_owner' -c "$asks")
$(sql life_r1 -c "$asks")"
check '... and a new role of that name has its limit' 'done|1' "$(sql life_r1 -c 'CREATE ROLE topk_reader' -c 'GRANT topk_reader TO life_reader' -c 'SET ROLE life_reader' -c "$asks")"
psql -d postgres -c 'DROP DATABASE life_r1' -c 'DROP ROLE life_reader, life_owner, topk_reader, topk_writer'
