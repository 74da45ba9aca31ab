// Sorting by small numbers.
#pragma once

#include <utility>

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

// Sorts elements by a rank below n, in few passes by some bits of it each, so that the places that a pass writes to fit into
// the processor's caches. Those of equal rank stay in their order. The passes go from one array to the other and back.
// Returns the one in which the elements are then. starts has room for 1 + radix_places elements.
inline constexpr uint32 radix_bits = 11, radix_places = 1 << radix_bits;
template <class Rank, class T>
T *radix_sort(T *elements, T *others, uint32 count, uint32 *starts, uint32 n, const Rank &rank) {
    for (uint32 shift = 0; shift == 0 || (shift < 32 && n >> shift != 0); shift += radix_bits) {
        distribute(elements, others, count, starts, radix_places,
                   [&](const T &element) { return rank(element) >> shift & (radix_places - 1); });
        std::swap(elements, others);
    }
    return elements;
}

} // namespace topk::pg
