// The weight of one item in the counts of a window.
#include "../core/cms_format.h"
#include "../core/item_list.h"
#include "bundle.h"
#include "tally.h"

namespace topk::pg {
namespace {

// Both bounds hold, so the smaller one does too. The sketch knows best how much of a bound is noise.
void improve(Frequency *frequency, uint64_t upper, uint64_t estimate) {
    frequency->upper = std::min(frequency->upper, upper);
    frequency->count = frequency->upper;
    frequency->estimate = std::clamp(estimate, frequency->lower, frequency->upper);
}

uint64_t weight_in_list(Bytes bytes, Kind kind, const void *data, size_t length) {
    constexpr uint32_t batch = 64;
    auto *scratch = static_cast<uint8_t *>(palloc(ItemList::scratch_size));
    uint64_t weight = 0;
    Kind stored = Kind::none;
    guarded([&] {
        ItemList::WeightedItem entries[batch];
        ItemList list(bytes.data, bytes.size);
        stored = list.kind();
        while (const uint32_t n = list.next(entries, batch, scratch))
            for (uint32_t i = 0; i < n; ++i)
                if (entries[i].length == length && memcmp(entries[i].data, data, length) == 0)
                    weight = entries[i].weight;
    });
    pfree(scratch);
    require_stored_kind(stored, kind);
    return weight;
}

} // namespace

Frequency tally_frequency(const Tally *tally, const void *data, size_t length) {
    Frequency result = tally->summary->frequency(SpaceSaving::key_of(data, length));
    if (tally->sketch != nullptr) {
        const uint64_t upper = tally->sketch->estimate(tally->sketch->key_of(data, length));
        improve(&result, upper, upper);
    }
    return result;
}

Frequency stored_frequency(const StoredTally &stored, Kind kind, const void *data, size_t length) {
    if (stored.items != nullptr) {
        const struct varlena *items = pg_detoast_datum_packed(stored.items);
        const uint64_t weight = is_bundle(items) ? weight_in_bundle(items, kind, data, length)
                                                 : weight_in_list(bytes_of(items), kind, data, length);
        return {weight, weight, weight, weight};
    }
    if (stored.summary == nullptr)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of counts has neither items nor a summary")));
    const Bytes summary = bytes_of(pg_detoast_datum_packed(stored.summary));
    Frequency result = {};
    Kind found = Kind::none;
    uint64_t floor = 0;
    guarded([&] {
        const StoredSpaceSaving view(summary.data, summary.size);
        found = view.kind();
        floor = view.floor();
        result = view.frequency(SpaceSaving::key_of(data, length));
    });
    require_stored_kind(found, kind);
    // An exact summary cannot be improved.
    if (floor == 0 || stored.sketch == nullptr)
        return result;
    const Bytes sketch = bytes_of(pg_detoast_datum_packed(stored.sketch));
    Frequency other = {};
    guarded([&] {
        const StoredCms view(sketch.data, sketch.size);
        other = view.frequency(view.key_of(data, length));
    });
    improve(&result, other.upper, other.estimate);
    return result;
}

} // namespace topk::pg
