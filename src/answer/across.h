// The counts that the nodes of this database (src/cluster) hold for spans of a rollup, beside its own.
#pragma once

#include "../cluster/question.h"
#include "pieces.h"

namespace topk::answer {

// The counts that an answer needs of each node. Less takes less time.
enum class Content {
    summary,  // a ranking
    distinct, // and the registers
    sketch,   // and the sketch
};

Content content_of(const char *name); // raises 22023
const char *content_name(Content content);

// The databases that an answer is of.
struct Answered {
    int nodes; // with this one
    Array<const char *> missing;
};

// The nodes to ask, without those that have not answered an earlier question for the same answer.
Array<const char *> nodes_to_ask(const RollupRow *row, const Answered *before);

// Parameters of questions.
Datum names_array(const Array<const char *> &names); // of type text[]
Parameter text_parameter(const char *text);
Parameter group_parameter(ArrayType *grp);

// A question on its way.
struct Across {
    Question *question;
    const RollupRow *row;
    const Span *spans;
    int count;
    const AskedGroups *groups; // of all spans, or one for each
    bool each;
    bool item;
};

// Asks all nodes about some spans of whole tiles, and does not wait for them, so that this database can be read meanwhile.
// item: as text; nullptr: no bounds are asked for. Returns nullptr if there are no nodes.
Across *ask_across(const RollupRow *row, const Span *spans, int count, const AskedGroups &groups, Content content,
                   const char *item = nullptr, const Answered *before = nullptr);

// Waits for the nodes. Adds one part to the pieces of each span for every node that has counts of it, and with an item its
// bounds to `frequency`. Does nothing when `across` is nullptr.
Answered add_across(Across *across, Pieces *pieces, Frequency *frequency = nullptr);

// Divides the pieces of this database among spans; of other times, it leaves them out.
void divide(const Pieces &all, const Span *spans, int count, Pieces *parts);

// Adds what the nodes have counted in some spans to the pieces of this database, which are of these spans.
void add_spans_across(Across *across, Pieces *pieces);

// Adds what the nodes have counted of each group in a window to the groups of this database, and the groups that only nodes
// have. Asks which groups there are first, and then for all of them at once.
void add_groups_across(const RollupRow *row, Level level, Span window, Array<GroupPieces> *groups);

} // namespace topk::answer
