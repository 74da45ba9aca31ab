// topk.sync_nodes(): other nodes get the streams and rollups of this database that they lack.
#include "../catalog/as_owner.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/statement.h"
#include "../cluster/answer_row.h"
#include "../cluster/question.h"
#include "../pg/function.h"
#include "distributed.h"
#include "source.h"

extern "C" {
#include "catalog/namespace.h"
#include "utils/regproc.h"
}

namespace topk::define {
namespace {

// Returns CREATE FOREIGN TABLE for a stream, with its columns and constraints. Names have their schemas.
char *creation_of(Oid stream) {
    return as_owner([&] {
        execute(
            "SELECT format('CREATE FOREIGN TABLE %s (%s) SERVER topk%s', $1::regclass, concat_ws(', ',"
            " (SELECT string_agg(concat(quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),"
            "    ' COLLATE ' || nullif(a.attcollation, t.typcollation)::regcollation,"
            "    CASE a.attgenerated WHEN '' THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)"
            "      ELSE format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(d.adbin, d.adrelid),"
            "                  CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END) END,"
            "    CASE WHEN a.attnotnull THEN ' NOT NULL' END), ', ' ORDER BY a.attnum)"
            "  FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid"
            "  LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)"
            "  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped),"
            " (SELECT string_agg(format('CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)), ', ' ORDER BY "
            "c.conname)"
            "  FROM pg_constraint AS c WHERE c.conrelid = $1 AND c.contype = 'c')),"
            " (SELECT format(' OPTIONS (%s)', string_agg(format('%I %L', o.option_name, o.option_value), ', '))"
            "  FROM pg_foreign_table AS f, pg_options_to_table(f.ftoptions) AS o WHERE f.ftrelid = $1 HAVING count(*) > 0))",
            {Value::oid(stream)});
        return result_string(0, 1);
    });
}

// Returns the statements, each after a semicolon, that give the new stream the owner, if that is another role than the
// caller, and the privileges.
char *privileges_of(Oid stream) {
    const Oid caller = GetUserId();
    return as_owner([&] {
        execute("SELECT concat((SELECT format('; ALTER FOREIGN TABLE %s OWNER TO %s', c.oid::regclass, c.relowner::regrole)"
                "               FROM pg_class AS c WHERE c.oid = $1 AND c.relowner <> $2),"
                " string_agg(format('; GRANT %s%s ON %s TO %s%s', p.privilege_type, p.columns, $1::regclass,"
                "                   CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE p.grantee::regrole::text END,"
                "                   CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' END), '' ORDER BY p.*))"
                " FROM (SELECT a.*, '' AS columns FROM pg_class AS c, aclexplode(c.relacl) AS a"
                "       WHERE c.oid = $1 AND a.grantee <> c.relowner"
                "       UNION ALL"
                "       SELECT a.*, format(' (%I)', t.attname) FROM pg_attribute AS t, aclexplode(t.attacl) AS a"
                "       WHERE t.attrelid = $1 AND NOT t.attisdropped) AS p",
                {Value::oid(stream), Value::oid(caller)});
        return result_string(0, 1);
    });
}

Parameter string_parameter(const char *value) { return {TEXTOID, value, 0, false}; }

Parameter definitions_parameter(Oid stream) {
    Array<Datum> definitions = {};
    for (const RollupOfSource &rollup : list_of(stream))
        definitions.add(CStringGetTextDatum(describe_for_nodes(rollup.id)));
    const ArrayType *array = construct_array(definitions.elements, definitions.count, TEXTOID, -1, false, TYPALIGN_INT);
    return {TEXTARRAYOID, OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(array)), 0, false};
}

char *qualified_table(Oid table) {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

void sync_stream(ReturnSetInfo *rows, const Array<const char *> &nodes, Oid stream) {
    const Parameter parameters[] = {string_parameter(qualified_table(stream)),
                                    string_parameter(psprintf("%s%s", creation_of(stream), privileges_of(stream))),
                                    definitions_parameter(stream)};
    Question *question =
        begin_question(nodes, "SELECT rollup FROM topk.receive_stream($1, $2, $3)", parameters, lengthof(parameters));
    await_answers(question);
    for (const Node &node : question->nodes) {
        if (node.failed)
            continue;
        const PGresult *result = answer_of(node);
        for (int i = 0; i < PQntuples(result); ++i) {
            const AnswerRow line = {result, i};
            const Datum values[] = {CStringGetTextDatum(node.name), CStringGetTextDatum(line.string(0))};
            const bool nulls[2] = {};
            add_row(rows, values, nulls);
        }
    }
    end_question(question);
}

// sync_nodes(). Each node commits by itself. Called again, it does what is left.
Datum sync_nodes(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.sync_nodes()");
    ReturnSetInfo *rows = begin_rows(fcinfo);
    const Array<const char *> nodes = list_nodes_to_ask(true);
    Oid last = InvalidOid;
    List *streams = NIL;
    for (const RollupSource &rollup : list_rollups(nullptr))
        if (rollup.source != last && get_rel_relkind(rollup.source) != '\0' && is_stream(rollup.source) &&
            is_owner(rollup.source))
            streams = list_append_unique_oid(streams, last = rollup.source);
    ListCell *cell;
    foreach (cell, streams) {
        CHECK_FOR_INTERRUPTS();
        sync_stream(rows, nodes, lfirst_oid(cell));
    }
    return (Datum)0;
}

Oid find_table(const char *name) {
    return RangeVarGetRelid(makeRangeVarFromNameList(stringToQualifiedNameList(name
#if PG_VERSION_NUM >= 160000
                                                                               ,
                                                                               nullptr
#endif
                                                                               )),
                            NoLock, true);
}

// receive_stream(name, command, definitions). The command runs with the rights of the user, who could run it as well.
Datum receive_stream(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.receive_stream()");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    ReturnSetInfo *rows = begin_rows(fcinfo);
    const int level = pin_settings();
    if (!OidIsValid(find_table(name))) {
        SPI_connect();
        execute(text_to_cstring(PG_GETARG_TEXT_PP(1)));
        SPI_finish();
        CommandCounterIncrement();
    }
    const Oid stream = find_table(name);
    if (!OidIsValid(stream) || !is_stream(stream))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a stream", name)));
    Datum *definitions;
    bool *nulls;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &definitions, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        if (nulls[i])
            continue;
        const char *json = TextDatumGetCString(definitions[i]);
        const char *rollup = as_owner([&] {
            execute("SELECT $1::jsonb ->> 'name'", {Value::string(json)});
            return result_string(0, 1);
        });
        if (rollup != nullptr && holder_of(get_rel_namespace(stream), rollup) != 0)
            continue;
        create_described(stream, json, nullptr);
        CommandCounterIncrement();
        const Datum values[] = {CStringGetTextDatum(name), CStringGetTextDatum(qualified_name(stream, rollup))};
        const bool no_nulls[2] = {};
        add_row(rows, values, no_nulls);
    }
    unpin_settings(level);
    return (Datum)0;
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_sync_nodes, topk::define::sync_nodes(fcinfo))
TOPK_FUNCTION(topk_receive_stream, topk::define::receive_stream(fcinfo))
