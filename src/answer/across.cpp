#include "across.h"

#include "../cluster/answer_row.h"

extern "C" {
#include "access/xlog.h"
}

namespace topk::answer {
namespace {

const char *const contents[] = {"summary", "distinct", "sketch"}; // by Content

// The columns of topk.window_state, in the order of the query.
enum Column {
    part,
    events,
    summary,
    sketch,
    registers,
    lost_since,
    lost_until,
    unassigned,
    lower,
    upper,
    estimate,
    identity,
    column_count
};

constexpr const char *statement =
    "SELECT part, events, summary, sketch, registers, lost_since, lost_until, unassigned, lower, upper, estimate, identity"
    " FROM topk.window_state($1, $2, $3, $4, $5, $6)";

// Binary: the text form depends on the settings of a session.
Parameter times_parameter(const Span *spans, int count, TimestampTz Span::*end) {
    auto *times = static_cast<Datum *>(palloc(count * sizeof(Datum)));
    for (int i = 0; i < count; ++i)
        times[i] = TimestampTzGetDatum(spans[i].*end);
    const bytea *sent = OidSendFunctionCall(
        F_ARRAY_SEND, PointerGetDatum(construct_array(times, count, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
    return {TIMESTAMPTZARRAYOID, VARDATA_ANY(sent), static_cast<int>(VARSIZE_ANY_EXHDR(sent)), true};
}

void require_kind(const struct varlena *value, Kind wanted) {
    if (value == nullptr)
        return;
    const Bytes bytes = bytes_of(value);
    Kind kind = Kind::none;
    guarded([&] { kind = StoredSpaceSaving(bytes.data, bytes.size).kind(); });
    if (kind != wanted && kind != Kind::none)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the rollup counts items of type %s there, and of type %s here",
                                                            kind_name(kind), kind_name(wanted))));
}

void add_line(const Across *across, const AnswerRow &line, Pieces *pieces, Frequency *frequency) {
    const int i = line.int4(part) - 1;
    if (i < 0 || i >= across->count)
        raise_malformed();
    if (!line.null(lost_since))
        pieces[i].missing.add({line.int8(lost_since), line.int8(lost_until)});
    if (across->item) {
        Frequency bounds = {};
        bounds.lower = static_cast<uint64_t>(line.int8(lower));
        bounds.upper = static_cast<uint64_t>(line.int8(upper));
        bounds.estimate = static_cast<uint64_t>(line.int8(estimate));
        add_frequency(frequency, bounds);
    }
    Piece piece = {line.int8(events), {}};
    piece.values.summary = line.state<SpaceSaving>(summary);
    piece.values.sketch = line.state<CountMin>(sketch);
    piece.values.registers = line.bytes(registers);
    require_kind(piece.values.summary, across->row->shape.kind);
    if (piece.values.summary != nullptr)
        pieces[i].parts.add(piece);
}

// Some events of the group may be among those of others, so that the sum of the nodes would be too small.
void refuse_unassigned(const char *node, int64 count) {
    ereport(allow_partial ? WARNING : ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s does not count this group by itself", node),
             errdetail("It has counted " INT64_FORMAT " events of groups beyond max_groups, and some may be of this group.",
                       count),
             errhint("topk.groups has the groups that a node counts by themselves.")));
}

void explain_node(void *node) { errcontext("answer of node \"%s\"", static_cast<const Node *>(node)->name); }

} // namespace

Content content_of(const char *name) {
    for (int i = 0; i < static_cast<int>(lengthof(contents)); ++i)
        if (strcmp(name, contents[i]) == 0)
            return static_cast<Content>(i);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("content must be summary, distinct or sketch")));
    pg_unreachable();
}

const char *content_name(Content content) { return contents[static_cast<int>(content)]; }

Parameter text_parameter(const char *text) { return {TEXTOID, text, 0, false}; }

Parameter group_parameter(ArrayType *grp) {
    return {TEXTARRAYOID, grp == nullptr ? nullptr : OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(grp)), 0, false};
}

Array<const char *> nodes_to_ask(const Answered *before) {
    const Array<const char *> all = list_nodes_to_ask();
    if (before == nullptr || before->missing.count == 0)
        return all;
    Array<const char *> rest = {};
    for (const char *name : all)
        if (std::none_of(before->missing.begin(), before->missing.end(),
                         [&](const char *missing) { return strcmp(missing, name) == 0; }))
            rest.add(name);
    return rest;
}

const char *own_identity() { return psprintf(UINT64_FORMAT ".%u", GetSystemIdentifier(), MyDatabaseId); }

Across *ask_across(const RollupRow *row, const Span *spans, int count, ArrayType *grp, Content content, const char *item,
                   const Answered *before) {
    const Array<const char *> nodes = nodes_to_ask(before);
    if (nodes.count == 0)
        return nullptr;
    const Parameter parameters[] = {
        text_parameter(row->name), times_parameter(spans, count, &Span::start), times_parameter(spans, count, &Span::stop),
        group_parameter(grp),      text_parameter(content_name(content)),       text_parameter(item)};
    auto *across = static_cast<Across *>(palloc(sizeof(Across)));
    *across = {begin_question(nodes, statement, parameters, lengthof(parameters)), row, spans, count, grp, item != nullptr};
    return across;
}

Answered add_across(Across *across, Pieces *pieces, Frequency *frequency) {
    Answered answered = {1, {}};
    if (across == nullptr)
        return answered;
    for (int i = 0; i < across->count; ++i)
        if (const int64 count = unassigned_events(across->row, across->spans[i], across->grp); count != 0)
            refuse_unassigned("this node", count);
    await_answers(across->question);
    Array<const char *> names = {}, identities = {};
    names.add("this node");
    identities.add(own_identity());
    for (Node &node : across->question->nodes) {
        if (node.failed) {
            answered.missing.add(node.name);
            continue;
        }
        ErrorContextCallback explain = {error_context_stack, explain_node, &node};
        error_context_stack = &explain;
        const PGresult *result = answer_of(node);
        if (PQnfields(result) != column_count || PQntuples(result) != across->count)
            raise_malformed();
        const char *own = pnstrdup(PQgetvalue(result, 0, identity), PQgetlength(result, 0, identity));
        for (int i = 0; i < names.count; ++i)
            if (strcmp(identities[i], own) == 0)
                ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                                errmsg("node \"%s\" and %s are the same database", node.name, names[i]),
                                errhint("Remove one of them with topk.drop_node.")));
        names.add(psprintf("node \"%s\"", node.name));
        identities.add(own);
        bool complete = true;
        for (int i = 0; i < across->count; ++i) {
            const AnswerRow line = {result, i};
            add_line(across, line, pieces, frequency);
            if (const int64 count = line.int8(unassigned); count != 0) {
                refuse_unassigned(names[names.count - 1], count);
                complete = false;
            }
        }
        error_context_stack = explain.previous;
        if (complete)
            ++answered.nodes;
        else
            answered.missing.add(node.name);
    }
    end_question(across->question);
    return answered;
}

} // namespace topk::answer
