// The weight of one item in the counts of a window, and of all of them.
#include "../core/cms_format.h"
#include "exact_counts.h"
#include "subtransaction.h"
#include "tally.h"

namespace topk::pg {
namespace {

// Both bounds hold, so the smaller one does too. The sketch knows best how much of a bound is noise.
void improve(Frequency *frequency, uint64_t upper, uint64_t estimate) {
    frequency->upper = std::min(frequency->upper, upper);
    frequency->count = frequency->upper;
    frequency->estimate = std::clamp(estimate, frequency->lower, frequency->upper);
}

uint64_t weight_in_list(const struct varlena *list, Kind kind, const void *data, size_t length) {
    uint64_t weight = 0;
    each_count(list, kind, [&](const WeightedItem &item) {
        if (item.length == length && memcmp(item.data, data, length) == 0)
            weight = item.weight;
    });
    return weight;
}

// Adds the lower bound of an item if it is one of those that are wanted.
void add_lower(BoundedItem *items, uint32_t n, const uint8_t *data, uint32_t length, uint64_t lower) {
    const uint64_t hash = SpaceSaving::key_of(data, length).hash;
    BoundedItem *item =
        std::lower_bound(items, items + n, hash, [](const BoundedItem &a, uint64_t h) { return a.hash < h; });
    for (; item != items + n && item->hash == hash; ++item)
        if (item->length == length && memcmp(item->data, data, length) == 0)
            *item->lower += lower;
}

} // namespace

void add_lower_bounds(const StoredTally &stored, Kind kind, uint64_t times, BoundedItem *items, uint32_t n) {
    if (stored.items != nullptr) {
        const struct varlena *list = pg_detoast_datum_packed(stored.items);
        each_count(list, kind,
                   [&](const WeightedItem &item) { add_lower(items, n, item.data, item.length, item.weight * times); });
        return;
    }
    if (stored.summary == nullptr)
        return;
    const Bytes bytes = bytes_of(pg_detoast_datum_packed(stored.summary));
    Kind found = Kind::none;
    guarded([&] {
        const StoredSpaceSaving summary(bytes.data, bytes.size);
        found = summary.kind();
        summary.each(
            [&](const Ranked &entry) { add_lower(items, n, entry.key, entry.length, (entry.count - entry.error) * times); });
    });
    require_stored_kind(found, kind);
}

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
        const uint64_t weight =
            is_bundle(items) ? weight_in_bundle(items, kind, data, length) : weight_in_list(items, kind, data, length);
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

void require_stored_kind(Kind stored, Kind wanted) {
    if (stored != wanted && stored != Kind::none)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("stored counts are of items of type %s, but the rollup counts items of type %s",
                               kind_name(stored), kind_name(wanted))));
}

uint64_t stored_weight(const StoredTally &stored) {
    if (stored.items == nullptr && stored.summary == nullptr)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of counts has neither items nor a summary")));
    const struct varlena *value = pg_detoast_datum_packed(stored.items != nullptr ? stored.items : stored.summary);
    const Bytes bytes = bytes_of(value);
    uint64_t weight = 0;
    guarded([&] {
        if (stored.items == nullptr)
            weight = StoredSpaceSaving(bytes.data, bytes.size).total();
        else if (Bundle::is_bundle(bytes.data, bytes.size))
            weight = Bundle(bytes.data, bytes.size).total();
        else
            weight = ItemList(bytes.data, bytes.size).total();
    });
    return weight;
}

int64 stored_distinct(const StoredTally &stored) {
    if (stored.registers != nullptr)
        return registers_estimate(pg_detoast_datum_packed(stored.registers));
    const Bytes bytes = bytes_of(pg_detoast_datum_packed(stored.summary));
    uint32_t n = 0;
    guarded([&] { n = StoredSpaceSaving(bytes.data, bytes.size).size(); });
    return n;
}

uint64_t readable_weight(const StoredTally &stored) {
    uint64_t weight = 0;
    return in_subtransaction([&] { weight = stored_weight(stored); }) == nullptr ? weight : 0;
}

} // namespace topk::pg
