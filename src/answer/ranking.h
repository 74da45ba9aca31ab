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
    uint64_t rival; // the largest weight of an item that is not among the entries below
    Ranked *entries;
    uint32_t n;
};

constexpr uint32_t all_entries = UINT32_MAX;

// The first k entries of a sum.
Ranking ranking_of(const RollupRow *row, const Sum &sum, uint32_t k);
inline Ranking ranking_of(const RollupRow *row, const Pieces &pieces, uint32_t k) {
    return ranking_of(row, sum_of(row, pieces), k);
}

// How often each event of a piece counts: at most and at least.
struct Times {
    uint64_t most;
    uint64_t least;
};
// The first k entries of the sum of pieces that count so often; times has an element for each of them.
Ranking ranking_of(const RollupRow *row, const Pieces &pieces, const Times *times, uint32_t k);

// The number of distinct items of a sum for that purpose.
int64 distinct_of(const Sum &sum);

// An item of the ranking, a text Datum.
inline Datum item_text(const Ranking &ranking, const Ranked &entry) {
    return PointerGetDatum(pg::item_to_text(ranking.kind, entry.key, entry.length));
}

// The columns of topk_entry and the share.
constexpr int entry_columns = 6;
void fill_entry(const Ranking &ranking, uint32_t i, Datum item, Datum *values);

// A set-returning function's rows (rank, item, count, error, guaranteed, share, metadata), and the span (window_start,
// window_end) if there is one.
Datum return_ranking(FunctionCallInfo fcinfo, const RollupRow *row, const Ranking &ranking, const Span *span = nullptr);

} // namespace topk::answer
