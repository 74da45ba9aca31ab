# The owner of a database, who is no superuser, dumps and restores it: all that this user may read, and nothing else

fresh life_owner
psql -d life_owner <<'SQL' >/dev/null
CREATE ROLE life_dba LOGIN;
CREATE ROLE life_other LOGIN;
ALTER DATABASE life_owner OWNER TO life_dba;
GRANT CREATE ON SCHEMA public TO life_other, life_dba;
GRANT life_other TO life_dba;
SET ROLE life_dba;
CREATE TABLE own (item text, ts timestamptz DEFAULT now(), g text);
CREATE FOREIGN TABLE own_stream (item text, ts timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('own', 'own', 'item', 'ts', group_by => '{g}', retention => '{"day": "1 year"}'), topk.create_rollup('own_stream', 'own_stream', 'item', 'ts');
INSERT INTO own SELECT 'i' || i % 7, now() - i * interval '40 minutes', i % 3 FROM generate_series(1, 200) AS i;
INSERT INTO own_stream SELECT 's' || i % 7, now() - i * interval '40 minutes' FROM generate_series(1, 200) AS i;
SELECT topk.set_limit(source => 'own', max_item_bytes => 100);
SELECT topk.grant_ask('own', 'life_other', '{1}');
SET ROLE life_other;
CREATE FOREIGN TABLE hidden (item text, ts timestamptz DEFAULT now(), g text) SERVER topk;
SELECT topk.create_rollup('hidden_name', 'hidden', 'item', 'ts', group_by => '{g}');
INSERT INTO hidden SELECT 'hidden_item', now() - i * interval '40 minutes', 'hidden_group' FROM generate_series(1, 20) AS i;
RESET ROLE;
REVOKE life_other FROM life_dba;
SELECT topk.set_limit('life_other', max_item_bytes => 99);
SELECT fold_all();
INSERT INTO own VALUES ('pending', now(), 'x');
SQL
as_owner_of_database() { # PROGRAM ARGUMENT...
    "$bindir/$1" -U life_dba "${@:2}" 2>&1
}
expect 'the owner of the database may read no table that has counts' "42501|42501|42501|42501|42501|42501|42501" 'SET ROLE life_dba' "SELECT string_agg(sqlstate_of(format('SELECT FROM topk.%I', t)), '|') FROM unnest('{tile,delta_0,snapshot,rollup_state,group_key,error_log,rollup}'::text[]) AS t"
expect '... and no other user what a dump reads' '42501|42501' 'SET ROLE life_other' "SELECT sqlstate_of('SELECT FROM topk.archive'), sqlstate_of('INSERT INTO topk.archive VALUES (''dump'', NULL, ''{}'')')"
check 'pg_dump by the owner of the database' '' "$(as_owner_of_database pg_dump -d life_owner -f "$scratch/owned")"
check '... the schema alone' '' "$(as_owner_of_database pg_dump -s -d life_owner -f "$scratch/owned_schema")"
check '... in other forms' '' "$(as_owner_of_database pg_dump -Fd -j2 -d life_owner -f "$scratch/owned_directory")$(as_owner_of_database pg_dump --inserts -d life_owner -f "$scratch/owned_inserts")"
check '... it has nothing of the table of another user' 0 "$(grep -c 'hidden_item\|hidden_group' "$scratch/owned")"
check '... which it says' 1 "$(as_owner_of_database pg_dump -v -d life_owner -f /dev/null | grep -c 'WARNING:  a rollup of "hidden" is not in the dump')"
check 'pg_dump by another user fails' 1 "$("$bindir/pg_dump" -U life_other -d life_owner -f /dev/null 2>&1 | grep -c 'permission denied')"
state_of_own() { # DATABASE
    sql "$1" -c "SELECT name, events, late, retention, created FROM topk.rollups WHERE name ~ '^own' ORDER BY name" -c "SELECT counts('own'), counts('own', '{1}'), counts('own_stream')" \
        -c "SELECT count(*), md5(string_agg(s::text, ' ' ORDER BY s::text)) FROM topk.snapshots AS s WHERE rollup ~ '^own'" -c "SELECT string_agg(g::text, ' ' ORDER BY g::text) FROM topk.groups AS g WHERE rollup ~ '^own'" -c "SELECT source, max_item_bytes FROM topk.limits WHERE source IS NOT NULL" -c "SELECT * FROM topk.askers"
}
wanted=$(state_of_own life_owner)
check '... there is something' 4 "$(grep -c '=\|^own' <<<"$wanted")"
# A superuser has created the extension in the new database.
new_target() {
    psql -d postgres -c 'DROP DATABASE IF EXISTS life_target' -c 'CREATE DATABASE life_target OWNER life_dba' && psql -d life_target -c 'CREATE EXTENSION pg_topk' -c 'GRANT ALL ON SCHEMA public TO life_dba'
}
# Errors of statements that the owner of a database may not run, in any dump with an extension or with another user's table
not_theirs='must be owner of extension|must be member of role|must be able to SET ROLE|no privileges could be revoked|no privileges were granted'
for form in owned owned_inserts; do
    new_target
    check "restoring $form as that owner" $'WARNING:  the dump lacks a rollup of "hidden"' "$(as_owner_of_database psql -q -d life_target -v VERBOSITY=terse -f "$scratch/$form" | grep -E 'ERROR|WARNING' | sed 's,^psql:[^ ]* ,,' | grep -vE "$not_theirs")"
    check '... everything is there' "$wanted" "$(state_of_own life_target)"
done
expect_target() { # WHAT WANTED STATEMENT...
    part=target expect "$@"
}
expect_target '... and counts on' 'pending=2' 'SET ROLE life_dba' "INSERT INTO own VALUES ('pending', now(), 'x')" 'RESET ROLE' 'CALL topk.run()' 'SET ROLE life_dba' "SELECT counts('own', '{x}')"
new_target
check 'restoring a directory as that owner' '' "$(as_owner_of_database pg_restore -d life_target -j2 "$scratch/owned_directory" | grep 'ERROR' | grep -vE "$not_theirs")"
check '... everything is there' "$wanted" "$(state_of_own life_target)"
check 'a superuser restores all rollups of a dump' 'hidden_name own own_stream' "$("$bindir/pg_dump" -d life_owner -f "$scratch/whole"; psql -d postgres -c 'DROP DATABASE life_target' -c 'CREATE DATABASE life_target'; sql life_target -f "$scratch/whole" -o /dev/null; sql life_target -c "SELECT string_agg(name, ' ' ORDER BY name) FROM topk.rollups")"
new_target
check '... the owner of the database restores own ones, and is told of the rest' $'WARNING:  rollup "hidden_name" is not restored: must be owner of "hidden"\nWARNING:  a limit is not restored' "$(psql -d life_target -c 'CREATE FOREIGN TABLE hidden (item text, ts timestamptz, g text) SERVER topk'; as_owner_of_database psql -q -d life_target -v VERBOSITY=terse -f "$scratch/whole" | grep -E 'WARNING' | sed 's,^psql:[^ ]* ,,')"
check '... everything is there' "$wanted" "$(state_of_own life_target)"

# With triggers disabled, the owner of the database may have inserted lines too: they have the rights of that user, and are not lost.
new_target
psql -d life_target -c 'CREATE TABLE own (item text, ts timestamptz, g text)' -c 'ALTER TABLE own OWNER TO life_dba' -c 'CREATE FOREIGN TABLE own_stream (item text, ts timestamptz) SERVER topk' -c 'ALTER FOREIGN TABLE own_stream OWNER TO life_dba' -c 'CREATE FOREIGN TABLE hidden (item text, ts timestamptz, g text) SERVER topk'
"$bindir/pg_dump" -Fc -a -d life_owner -f "$scratch/whole_data"
check 'data only, triggers disabled: not with the rights of others' $'ERROR:  42501\nf|0' "$("$bindir/pg_restore" -a --disable-triggers -d life_target "$scratch/whole_data" 2>&1)$(sql life_target -c 'SELECT topk.maintain()')"$'\n'"$(sql life_target -c 'SELECT count(*) = 0, (SELECT count(*) FROM topk.rollup) FROM topk.archive')"
check '... where a superuser owns the database' 't|3' "$(sql life_target -c 'ALTER DATABASE life_target OWNER TO CURRENT_USER' -c 'DO $$BEGIN PERFORM topk.maintain(); END$$' -c 'SELECT count(*) = 0, (SELECT count(*) FROM topk.rollup) FROM topk.archive')"
new_target
psql -d life_target -c 'CREATE TABLE own (item text, ts timestamptz DEFAULT now(), g text)' -c 'ALTER TABLE own OWNER TO life_dba' -c 'CREATE FOREIGN TABLE hidden (item text, ts timestamptz, g text) SERVER topk'

# Lines that somebody has made up
lines() { # LINE...: inserts lines as the owner of the database, and prints errors and warnings
    local line commands=(-c "INSERT INTO topk.archive VALUES ('dump', NULL, '{\"encoding\": \"UTF8\"}')")
    for line; do commands+=(-c "INSERT INTO topk.archive VALUES ($line)"); done
    as_owner_of_database psql -q -d life_target -v VERBOSITY=sqlstate "${commands[@]}"
}
rollup_line() { # SOURCE [KEY VALUE]: a line that is right, but for the key
    sql life_owner -c "SELECT format('''rollup'', 77, %L', to_jsonb(r) || jsonb_build_object('name', 'forged', 'source', '$1') || jsonb_strip_nulls(jsonb_build_object('${2:-x}', $([ -n "${2:-}" ] && echo "'$3'::jsonb" || echo NULL)))) FROM topk.rollup AS r WHERE name = 'own'"
}
check 'lines: a rollup of a table of somebody else' 'WARNING:  42501' "$(lines "$(rollup_line public.hidden)")"
check '... of one that does not exist' 'ERROR:  42P01' "$(lines "$(rollup_line public.nothing)")"
check '... of a catalog' 'WARNING:  42501' "$(lines "$(rollup_line pg_catalog.pg_class)")"
check '... counts without a rollup' '' "$(lines "'group_key', 1, '{\"rollup\": 1, \"grp\": [\"forged\"]}'" "'tile', 1, '{}'")"
check '... counts for a rollup that was there before' 0 "$(sql life_target -c "SELECT count(*) FROM topk.group_key WHERE 'forged' = ANY (grp)")"
check '... a right to ask, without a rollup' 0 "$(lines "'ask_grant', 1, '{\"rollup\": 1, \"role\": \"life_dba\"}'")$(sql life_target -c 'SELECT count(*) FROM topk.ask_grant')"
check '... of a role that is a number or none' $'WARNING:  42704\nWARNING:  42704\nWARNING:  42704' "$(lines "$(rollup_line public.own)" "'ask_grant', 77, '{\"role\": \"10\"}'" "'ask_grant', 77, '{\"role\": \"life_nobody\"}'" "'ask_grant', 77, '{}'")"
check '... which leaves nothing' 0 "$(sql life_target -c "DO \$\$BEGIN PERFORM topk.drop_rollup('forged'); END\$\$" -c 'SELECT count(*) FROM topk.ask_grant')"
check '... a limit of others' 'WARNING:  42501' "$(lines "'limit_rule', NULL, '{\"role\": \"life_other\", \"role_oid\": 1, \"cluster\": 1, \"max_item_bytes\": 1}'")"
check '... another table' 'ERROR:  22023' "$(lines "'log_slot', NULL, '{\"slot\": 7}'")"
check '... no first line' 'ERROR:  55000' "$(as_owner_of_database psql -q -d life_target -v VERBOSITY=sqlstate -c "INSERT INTO topk.archive VALUES ('tile', 1, '{}')")"
check '... no columns, and columns that are none' $'WARNING:  42501\nERROR:  22023\nERROR:  23502' "$(lines "'limit_rule', NULL, '{\"x\": 1}'"; lines "'rollup', 1, '[1]'"; lines "'rollup', 1, '{\"source\": \"public.own\", \"x); DROP TABLE own; --\": 1, \"k\": 1}'")"
for change in 'k 0' 'k 20000' 'capacity 2000000000' 'capacity 5' 'max_groups 0' 'width -1' 'depth 65' 'grain "1 microsecond"' 'grain "2 hours"' 'item_kind "x"' 'windows [null]' 'group_by [null]' 'retention []' 'name ""'; do
    check "... a rollup with $change" 'ERROR:  23514' "$(lines "$(rollup_line public.own "${change%% *}" "${change#* }")")"
done
check '... none of them is there' 0 "$(sql life_target -c "SELECT count(*) FROM topk.rollup WHERE name = 'forged'")"
forged='{\"rollup\": 77, \"events\": 1, \"level_windows\": [null], \"level_bytes\": []}'
check '... totals that are not as they must be' 'ERROR:  23514' "$(lines "$(rollup_line public.own)" "'rollup_state', 77, '${forged//\\/}'")"
check '... the archive is empty' 0 "$(sql life_target -c 'SELECT count(*) FROM topk.archive')"
psql -d postgres -c 'DROP DATABASE life_target' -c 'DROP DATABASE life_owner' -c 'DROP ROLE life_dba, life_other'
