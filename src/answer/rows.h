// Rows about items, as set-returning functions give them.
#pragma once

#include "../catalog/items_table.h"
#include "../pg/function.h"

namespace topk::answer {

// Returns n rows of so many columns. item(i) is the item of a row, a text Datum; fill(i, item, values, nulls) sets all
// columns but one, which is the item's row of the items table.
template <int columns, int metadata_column = columns - 1, class Item, class Fill>
Datum return_items(FunctionCallInfo fcinfo, const RollupRow *row, int n, const Item &item, const Fill &fill) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    auto *items = static_cast<Datum *>(MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(Datum) + 1));
    for (int i = 0; i < n; ++i)
        items[i] = item(i);
    const Datum *metadata = metadata_of(row, items, n);
    for (int i = 0; i < n; ++i) {
        Datum values[columns];
        bool nulls[columns] = {};
        fill(i, items[i], values, nulls);
        values[metadata_column] = metadata[i];
        nulls[metadata_column] = metadata[i] == 0;
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

} // namespace topk::answer
