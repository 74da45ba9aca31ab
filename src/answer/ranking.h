// Sums of a window as rankings, and rankings as rows of SQL.
#pragma once

#include "../pg/item_arg.h"
#include "pieces.h"

namespace topk::answer {

// Entries by rank: larger count first, then the smaller item (numbers by value, anything else by its bytes). They point into
// the sum.
struct Ranking {
    Kind kind;
    uint64_t total;
    uint64_t floor; // 0: nothing can be missing
    Ranked *entries;
    uint32_t n;
};

constexpr uint32_t all_entries = UINT32_MAX;

// The first k entries of the pieces' sum.
Ranking ranking_of(const RollupRow *row, const Pieces &pieces, uint32_t k);

// An item of the ranking, a text Datum.
inline Datum item_text(const Ranking &ranking, const Ranked &entry) {
    return PointerGetDatum(pg::item_to_text(ranking.kind, entry.key, entry.length));
}

// A set-returning function's rows (rank, item, count, error, guaranteed, share, metadata).
Datum return_ranking(FunctionCallInfo fcinfo, const RollupRow *row, const Ranking &ranking);

} // namespace topk::answer
