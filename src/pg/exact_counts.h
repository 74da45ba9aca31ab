// Exact counts as the delta log has them, one item after the other: item lists, and bundles as the sum over their groups.
#pragma once

#include <algorithm>

#include "../core/item_list.h"
#include "bundle.h"
#include "tally.h"

namespace topk::pg {

inline constexpr uint32_t counts_at_once = 64;

// Calls use(items, n) for all WeightedItems, in guarded work, with at most counts_at_once of them. The value must be
// detoasted. Raises XX001 if the bytes are neither, or of another kind of items; some items may have been used then.
template <class Use>
void each_counts(const struct varlena *value, Kind kind, const Use &use) {
    if (is_bundle(value)) {
        const BundleItems all = read_all_groups(value, kind);
        guarded([&] {
            WeightedItem entries[counts_at_once];
            for (uint32 first = 0, n; first < all.count; first += n) {
                n = std::min(counts_at_once, all.count - first);
                for (uint32 i = 0; i < n; ++i)
                    entries[i] = {all.items[first + i].data, all.items[first + i].length, all.weights[first + i]};
                use(entries, n);
            }
        });
        free_items(all);
        return;
    }
    const Bytes bytes = bytes_of(value);
    uint8_t scratch[ItemList::scratch_size];
    Kind found = Kind::none;
    guarded([&] {
        WeightedItem entries[counts_at_once];
        ItemList list(bytes.data, bytes.size);
        found = list.kind();
        while (const uint32_t n = list.next(entries, counts_at_once, scratch))
            use(entries, n);
    });
    require_stored_kind(found, kind);
}

// The same for each WeightedItem by itself.
template <class Use>
void each_count(const struct varlena *value, Kind kind, const Use &use) {
    each_counts(value, kind, [&](const WeightedItem *items, uint32_t n) {
        for (uint32_t i = 0; i < n; ++i)
            use(items[i]);
    });
}

} // namespace topk::pg
