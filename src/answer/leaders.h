// The first items of a sum of which exact lists of the log are a part. Such a list is read once, where it lies, and is not
// kept: of the items that cannot be among the first, only a bound of their weight is needed.
#pragma once

#include "ranking.h"

namespace topk::answer {

struct Leaders {
    const RollupRow *row;
    uint32_t k;
    bool failed; // an item that the sum does not monitor may be among the first
    int lists;   // that were added
    int next_check;
    Tally *sum;           // all other counts, and those of its items in the lists
    uint64_t *rest;       // the weights of the lists' other items, several items to a cell; nullptr while there are none
    uint32_t cells;       // a power of 2
    uint64_t *maybe;      // hashes of items that the sum monitors
    uint64_t rest_weight; // of all cells
    MemoryContext context;
    MemoryContext scratch;
    Ranking ranking; // of the first k
};

// Begins with the sum of some pieces, in the current memory context.
void begin_leaders(Leaders *leaders, const RollupRow *row, const Pieces &pieces, uint32_t k);
// Adds a list or a bundle, unless the leaders have failed.
void add_list(Leaders *leaders, struct varlena *items);
// Makes the ranking. False if the leaders have failed.
bool rank_leaders(Leaders *leaders);

} // namespace topk::answer
