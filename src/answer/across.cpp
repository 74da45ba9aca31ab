#include "across.h"

#include "../catalog/moved.h"
#include "../catalog/rollup_name.h"
#include "../cluster/answer_row.h"

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
    absorbed,
    column_count
};

// The statement that calls topk.window_state: for some spans, or for each of several groups and one span.
char *statement_of(const char *part, const char *from) {
    return psprintf(
        "SELECT %s, events, summary, sketch, registers, lost_since, lost_until, unassigned, lower, upper, estimate,"
        " identity, pg_catalog.array_to_string(absorbed, ' ') FROM %s",
        part, from);
}
char *of_spans() { return statement_of("part", "topk.window_state($1, $2, $3, $4, $5, $6)"); }
char *of_groups() {
    return statement_of("g.n::pg_catalog.int4",
                        "pg_catalog.unnest($4) WITH ORDINALITY AS g (grp, n) CROSS JOIN LATERAL"
                        " topk.window_state($1, $2, $3, g.grp::pg_catalog.text[], $5, $6) ORDER BY g.n");
}

// The groups that a node has counted in a window.
constexpr const char *groups_there = "SELECT DISTINCT group_key::pg_catalog.text FROM topk.top_by_group($1, $2, $3[1], 1)";

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
    Piece piece = {across->spans[i], line.int8(events), {}};
    piece.values.summary = line.state<SpaceSaving>(summary);
    piece.values.sketch = line.state<CountMin>(sketch);
    piece.values.registers = line.bytes(registers);
    require_kind(piece.values.summary, across->row->shape.kind);
    if (piece.values.summary != nullptr)
        pieces[i].parts.add(piece);
}

// Some events of the group may be among those of others, so that the sum of the nodes would be too small.
void refuse_unassigned(const char *node) {
    ereport(allow_partial ? WARNING : ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s does not count this group by itself", node),
             errdetail("It has counted events of groups beyond max_groups, and some may be of this group."),
             errhint("topk.groups has the groups that a node counts by themselves.")));
}

// A database that has answered; this one comes first.
struct Member {
    const Node *node; // nullptr: this database
    const char *name; // for messages
    const char *identity;
};

struct Members {
    Array<Member> list;
    Array<const char *> absorbed; // databases whose counts are among those of others
};

Members members_of(const Across *across) {
    Members members = {};
    members.list.add({nullptr, "this node", own_identity()});
    members.absorbed = absorbed_databases(across->row->id, GetActiveSnapshot());
    for (const Node &node : across->question->nodes) {
        if (node.failed)
            continue;
        const AnswerRow line = {answer_of(node), 0};
        if (PQnfields(line.result) != column_count || PQntuples(line.result) != across->count || line.null(identity))
            raise_malformed();
        members.list.add({&node, psprintf("node \"%s\"", node.name), line.string(identity)});
        if (!line.null(absorbed))
            for (char *at = line.string(absorbed), *one; (one = strsep(&at, " ")) != nullptr;)
                members.absorbed.add(one);
    }
    return members;
}

bool is_absorbed(const Members &members, const char *identity) {
    return std::any_of(members.absorbed.begin(), members.absorbed.end(),
                       [&](const char *other) { return strcmp(other, identity) == 0; });
}

// Its events would count twice.
void refuse_twins(const Members &members) {
    for (int i = 0; i < members.list.count; ++i)
        for (int j = 0; j < i; ++j)
            if (strcmp(members.list[i].identity, members.list[j].identity) == 0)
                ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                                errmsg("%s and %s are the same database", members.list[i].name, members.list[j].name),
                                errhint("Remove one of them with topk.drop_node.")));
}

// Another database has taken over what this one has counted.
void forget_own(const Across *across, Pieces *pieces, Frequency *frequency) {
    for (int i = 0; i < across->count; ++i)
        pieces[i] = {};
    if (frequency != nullptr)
        *frequency = {};
}

void refuse_unassigned_here(const Across *across) {
    for (int i = 0; i < across->count; ++i)
        if (unassigned_events(across->row, across->spans[i], across->groups[across->each ? i : 0]) != 0)
            refuse_unassigned("this node");
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

Datum names_array(const Array<const char *> &names) {
    auto *elements = static_cast<Datum *>(palloc((names.count + 1) * sizeof(Datum)));
    for (int i = 0; i < names.count; ++i)
        elements[i] = CStringGetTextDatum(names[i]);
    return PointerGetDatum(construct_array(elements, names.count, TEXTOID, -1, false, TYPALIGN_INT));
}

Parameter text_parameter(const char *text) { return {TEXTOID, text, 0, false}; }

Parameter group_parameter(ArrayType *grp) {
    return {TEXTARRAYOID, grp == nullptr ? nullptr : OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(grp)), 0, false};
}

Array<const char *> nodes_to_ask(const RollupRow *row, const Answered *before) {
    const Array<const char *> all = list_nodes_to_ask(row->spread);
    if (before == nullptr || before->missing.count == 0)
        return all;
    Array<const char *> rest = {};
    for (const char *name : all)
        if (std::none_of(before->missing.begin(), before->missing.end(),
                         [&](const char *missing) { return strcmp(missing, name) == 0; }))
            rest.add(name);
    return rest;
}

Across *ask_across(const RollupRow *row, const Span *spans, int count, const AskedGroups &groups, Content content,
                   const char *item, const Answered *before) {
    const Array<const char *> nodes = nodes_to_ask(row, before);
    if (nodes.count == 0)
        return nullptr;
    const Parameter parameters[] = {text_parameter(qualified_name(row->source, row->name)),
                                    times_parameter(spans, count, &Span::start),
                                    times_parameter(spans, count, &Span::stop),
                                    group_parameter(groups.given),
                                    text_parameter(content_name(content)),
                                    text_parameter(item)};
    auto *kept = static_cast<AskedGroups *>(palloc(sizeof(AskedGroups)));
    *kept = groups;
    auto *across = static_cast<Across *>(palloc(sizeof(Across)));
    *across = {begin_question(nodes, of_spans(), parameters, lengthof(parameters)),
               row,
               spans,
               count,
               kept,
               false,
               item != nullptr};
    return across;
}

Answered add_across(Across *across, Pieces *pieces, Frequency *frequency) {
    Answered answered = {1, {}};
    if (across == nullptr)
        return answered;
    await_answers(across->question);
    Members members = members_of(across);
    refuse_twins(members);
    if (is_absorbed(members, members.list[0].identity)) {
        --answered.nodes;
        forget_own(across, pieces, frequency);
    } else {
        refuse_unassigned_here(across);
    }
    for (Node &node : across->question->nodes)
        if (node.failed)
            answered.missing.add(node.name);
    for (int i = 1; i < members.list.count; ++i) {
        const Member &member = members.list[i];
        if (is_absorbed(members, member.identity))
            continue;
        ErrorContextCallback explain = {error_context_stack, explain_node, const_cast<Node *>(member.node)};
        error_context_stack = &explain;
        bool complete = true;
        for (int j = 0; j < across->count; ++j) {
            const AnswerRow line = {answer_of(*member.node), j};
            add_line(across, line, pieces, frequency);
            if (line.int8(unassigned) != 0) {
                refuse_unassigned(member.name);
                complete = false;
            }
        }
        error_context_stack = explain.previous;
        if (complete)
            ++answered.nodes;
        else
            answered.missing.add(member.node->name);
    }
    end_question(across->question);
    return answered;
}

void divide(const Pieces &all, const Span *spans, int count, Pieces *parts) {
    const auto part_of = [&](TimestampTz t) -> Pieces * {
        const Span *span = std::find_if(spans, spans + count, [&](const Span &s) { return s.contains(t); });
        return span == spans + count ? nullptr : &parts[span - spans];
    };
    for (const Piece &piece : all.parts)
        if (Pieces *part = part_of(piece.span.start))
            part->parts.add(piece);
    for (const Span &missing : all.missing)
        if (Pieces *part = part_of(missing.start))
            part->missing.add(missing);
}

void add_spans_across(Across *across, Pieces *pieces) {
    if (across == nullptr)
        return;
    auto *divided = static_cast<Pieces *>(palloc0(across->count * sizeof(Pieces)));
    divide(*pieces, across->spans, across->count, divided);
    add_across(across, divided);
    pieces->parts = {};
    pieces->missing = {};
    for (int i = 0; i < across->count; ++i)
        add_pieces(pieces, divided[i]);
}

void add_groups_across(const RollupRow *row, Level level, Span window, Array<GroupPieces> *groups) {
    const Array<const char *> nodes = nodes_to_ask(row, nullptr);
    if (nodes.count == 0)
        return;
    const Parameter name = text_parameter(qualified_name(row->source, row->name)),
                    since = times_parameter(&window, 1, &Span::start);
    const Parameter which[] = {name, text_parameter(level_name(level)), since};
    Question *first = begin_question(nodes, groups_there, which, lengthof(which));
    await_answers(first);
    Answered answered = {1, {}};
    for (const Node &node : first->nodes) {
        if (node.failed) {
            answered.missing.add(node.name);
            continue;
        }
        for (int i = 0; i < PQntuples(answer_of(node)); ++i) {
            char *text = AnswerRow{answer_of(node), i}.string(0);
            if (text == nullptr)
                raise_malformed();
            auto *grp = DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, text, TEXTOID, -1));
            if (find_group(*groups, grp) == nullptr)
                insert_group(groups, grp);
        }
    }
    end_question(first);
    const Array<const char *> rest = nodes_to_ask(row, &answered);
    const int n = groups->count;
    if (rest.count == 0 || n == 0)
        return;
    Array<const char *> keys = {};
    Array<Span> windows = {};
    auto *asked = static_cast<AskedGroups *>(palloc(n * sizeof(AskedGroups)));
    auto *pieces = static_cast<Pieces *>(palloc(n * sizeof(Pieces)));
    for (int i = 0; i < n; ++i) {
        GroupPieces &group = (*groups)[i];
        keys.add(OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(group.grp)));
        windows.add(window);
        asked[i] = group_alone(group.grp);
        pieces[i] = group.pieces;
    }
    const Parameter parameters[] = {name,
                                    since,
                                    times_parameter(&window, 1, &Span::stop),
                                    {TEXTARRAYOID, OidOutputFunctionCall(F_ARRAY_OUT, names_array(keys)), 0, false},
                                    text_parameter(content_name(Content::summary)),
                                    text_parameter(nullptr)};
    Across across = {
        begin_question(rest, of_groups(), parameters, lengthof(parameters)), row, windows.elements, n, asked, true, false};
    add_across(&across, pieces);
    for (int i = 0; i < n; ++i)
        (*groups)[i].pieces = pieces[i];
}

} // namespace topk::answer
