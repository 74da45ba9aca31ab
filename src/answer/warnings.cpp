// The warnings and notices of an answer.
#include "../catalog/rollup_state.h"
#include "pieces.h"

extern "C" {
#include "catalog/pg_class.h"
}

namespace topk::answer {
namespace {

constexpr int many_deltas = 1000; // reading them takes longer than the rest of an answer

// Returns whether the statement has told it of the rollup before: many ask twice.
bool is_told_now(int32 rollup) {
    static TimestampTz last = 0;
    static int32 last_rollup = 0;
    const TimestampTz now = GetCurrentStatementStartTimestamp();
    const bool told = last == now && last_rollup == rollup;
    last = now;
    last_rollup = rollup;
    return told;
}

// An empty answer may mean that nothing happened, or that the rollup was not there.
void tell_of_start(const Pieces &pieces) {
    RollupState state;
    if (!read_state(pieces.row->id, GetActiveSnapshot(), &state) || state.counted_since == DT_NOEND ||
        pieces.span.start >= state.counted_since || is_told_now(pieces.row->id))
        return;
    const bool stream = get_rel_relkind(pieces.row->source) == RELKIND_FOREIGN_TABLE;
    ereport(NOTICE, (errmsg("rollup \"%s\" has counted nothing in this time, which began before the rollup was created",
                            pieces.row->name),
                     stream ? 0 : errhint("topk.backfill() counts the rows that its table has already.")));
}

bool is_told(int32 rollup) {
    static Array<int32> told = {};
    if (std::find(told.begin(), told.end(), rollup) != told.end())
        return true;
    MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
    told.add(rollup);
    MemoryContextSwitchTo(caller);
    return false;
}

// False while a worker folds, on this server or on the one that this standby follows.
bool may_lack_folds() { return !RecoveryInProgress() && stream::folder() != stream::Folder::worker; }

int hint_at_folds() {
    return stream::folder() == stream::Folder::nobody
               ? errhint("Set shared_preload_libraries = 'pg_topk' and restart the server, or CALL topk.run() now and then.")
               : errhint("The server's log says why no worker runs in this database. CALL topk.run() folds now.");
}

TimestampTz last_fold(const RollupRow *row) {
    RollupState state;
    return read_state(row->id, GetActiveSnapshot(), &state) ? state.last_fold : DT_NOBEGIN;
}

void warn_of_no_folds(const RollupRow *row) {
    if (!may_lack_folds())
        return;
    const TimestampTz fold = last_fold(row), since = fold == DT_NOBEGIN ? row->created : fold;
    if (GetCurrentTimestamp() - since < USECS_PER_HOUR || is_told(row->id))
        return;
    ereport(WARNING, (errmsg("nothing has folded rollup \"%s\" for more than an hour", row->name),
                      errdetail("Answers read each statement's counts by themselves, and get slower."), hint_at_folds()));
}

} // namespace

void warn_of_missing(const Pieces &pieces) {
    const Span *first = first_missing(pieces);
    if (first == nullptr)
        return;
    char *start = pstrdup(timestamptz_to_str(first->start));
    ereport(WARNING, (errmsg("the answer lacks counts that retention has removed"),
                      pieces.missing.count == 1
                          ? errdetail("What is left of the counts from %s to %s may be a part.", start,
                                      timestamptz_to_str(first->stop))
                          : errdetail("What is left of the counts from %s to %s may be a part, and so in %d more spans.",
                                      start, timestamptz_to_str(first->stop), pieces.missing.count - 1),
                      errhint("topk.history returns the first items of windows that were over.")));
}

void tell_of(const Pieces &pieces) {
    warn_of_missing(pieces);
    if (pieces.row == nullptr)
        return;
    if (pieces.parts.count == 0 && pieces.lists == 0 && pieces.missing.count == 0 && pieces.all_groups)
        tell_of_start(pieces);
    if (pieces.deltas >= many_deltas)
        warn_of_no_folds(pieces.row);
}

void tell_of_no_snapshots(const RollupRow *row) {
    if (may_lack_folds() && last_fold(row) == DT_NOBEGIN)
        ereport(NOTICE,
                (errmsg("rollup \"%s\" has no snapshots, because nothing has folded it yet", row->name), hint_at_folds()));
}

} // namespace topk::answer
