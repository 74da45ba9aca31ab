// Sorting by small numbers.
#pragma once

#include "pg.h"

namespace topk::pg {

// Copies elements in the order of a rank below n; those of equal rank stay in their order. starts has room for n + 1
// elements. Afterwards starts[r] is where the elements of a rank end.
template <class Rank, class T>
void distribute(const T *from, T *to, uint32 count, uint32 *starts, uint32 n, const Rank &rank) {
    memset(starts, 0, (Size{n} + 1) * sizeof(uint32));
    for (uint32 i = 0; i < count; ++i)
        ++starts[rank(from[i]) + 1];
    for (uint32 i = 0; i < n; ++i)
        starts[i + 1] += starts[i];
    for (uint32 i = 0; i < count; ++i)
        to[starts[rank(from[i])]++] = from[i];
}

} // namespace topk::pg
