// Sums of weights, which may be larger than a bigint.
#pragma once

#include "pg.h"

extern "C" {
#include "utils/numeric.h"
}

namespace topk::pg {

// Returns a numeric Datum. A weight is less than 2^63, so a sum of fewer than 2^63 of them is less than 2^126.
inline Datum numeric_of(int128 value) {
    constexpr int128 billion = 1000000000, quintillion = billion * billion;
    const auto part = [](int128 n) { return NumericGetDatum(int64_to_numeric(static_cast<int64>(n))); };
    if (value < quintillion)
        return part(value);
    const Datum high = DirectFunctionCall2(numeric_mul, numeric_of(value / quintillion), part(quintillion));
    return DirectFunctionCall2(numeric_add, high, part(value % quintillion));
}

} // namespace topk::pg
