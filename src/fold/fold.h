// Folding: taking deltas away and merging them into tiles, and tiles that are over into the windows above them.
#pragma once

#include "../catalog/rollup.h"
#include "../statistics/statistics.h"
#include "../stream/delta_log.h"

namespace topk::fold {

struct FoldResult {
    bool locked;  // false: somebody else is folding this rollup
    bool more;    // deltas are left for another call, in a transaction of its own
    int64 deltas; // rows taken away
    int64 tiles;  // rows written
};

// The rows of one rollup in the log, found before the fold.
struct FoundRows {
    FoldMark mark; // from before they were found
    const LogEntry *entries;
    int count;
    bool complete; // there are no others
};

// Folds what the latest snapshot sees of one rollup, in the current transaction, which must be READ COMMITTED (25001). A
// rollup that does not exist is none to fold, nor is one that has moved to another database. found: nullptr to search the
// log. everything: no delta waits in the log.
FoldResult fold_rollup(int32 id, bool wait, const FoundRows *found = nullptr, bool everything = false);

// 25001 otherwise, and 25006 on a standby.
void require_read_committed(const char *what);

} // namespace topk::fold
