#include "leaders.h"

#include <algorithm>

#include "../pg/exact_counts.h"

namespace topk::answer {
namespace {

constexpr uint32_t most_items = 4096; // that lists bring into a sum which is exact
constexpr uint32_t least_cells = 16384;
constexpr int first_check = 64; // lists. Where no item stands out, reading them twice shall not cost much

// The largest weight of an item of the lists that the sum does not monitor. Its weight in the sum is in a cell of the
// filter, which has the items of several cells of the rest.
uint64_t bound_of_rest(const Leaders *leaders) {
    const SpaceSaving *sum = leaders->sum->summary;
    uint64_t bound = 0;
    for (uint32_t i = 0; i < leaders->cells; ++i)
        if (leaders->rest[i] != 0)
            bound = std::max(bound, leaders->rest[i] + sum->unmonitored_bound(SpaceSaving::hash_of_cell(i)));
    return bound;
}

// A bit for each hash that an item of the sum may have. Most items have none of these, and need no look into the sum.
constexpr unsigned maybe_bits = 16;
bool may_have(const uint64_t *maybe, uint64_t hash) {
    const uint64_t bit = hash >> (64 - maybe_bits);
    return (maybe[bit / 64] >> (bit % 64) & 1) != 0;
}

void begin_rest(Leaders *leaders) {
    const SpaceSaving *sum = leaders->sum->summary;
    const auto zeros = [&](Size n) {
        return static_cast<uint64_t *>(MemoryContextAllocZero(leaders->context, n * sizeof(uint64_t)));
    };
    leaders->cells = std::max(sum->filter_width(), least_cells);
    leaders->rest = zeros(leaders->cells);
    leaders->maybe = zeros((Size{1} << maybe_bits) / 64);
    for (const SpaceSaving::Entry *e = sum->entries(), *end = e + sum->size(); e != end; ++e) {
        const uint64_t bit = e->hash >> (64 - maybe_bits);
        leaders->maybe[bit / 64] |= uint64_t{1} << (bit % 64);
    }
}

// Counts the items that the sum monitors in the sum, and the others in cells. No item decides about a branch that the
// processor cannot foresee, which would take longer than to count it.
void add_to_rest(Leaders *leaders, const struct varlena *list) {
    SpaceSaving *sum = leaders->sum->summary;
    uint64_t *rest = leaders->rest, weight = 0;
    const uint64_t *maybe = leaders->maybe;
    const uint32_t cells = leaders->cells;
    each_counts(list, leaders->row->shape.kind, [&](const WeightedItem *items, uint32_t n) {
        uint64_t hashes[pg::counts_at_once];
        uint8_t known[pg::counts_at_once], others[pg::counts_at_once];
        uint32_t known_count = 0, other_count = 0;
        for (uint32_t i = 0; i < n; ++i)
            hashes[i] = SpaceSaving::key_of(items[i].data, items[i].length).hash;
        for (uint32_t i = 0; i < n; ++i) {
            const bool may = may_have(maybe, hashes[i]);
            known[known_count] = others[other_count] = static_cast<uint8_t>(i);
            known_count += may;
            other_count += !may;
        }
        for (uint32_t j = 0; j < known_count; ++j) {
            const WeightedItem &item = items[known[j]];
            if (!sum->count_monitored(Item(item.data, item.length, hashes[known[j]]), item.weight))
                others[other_count++] = known[j];
        }
        for (uint32_t j = 0; j < other_count; ++j) {
            rest[SpaceSaving::filter_cell(hashes[others[j]], cells)] += items[others[j]].weight;
            weight += items[others[j]].weight;
        }
    });
    leaders->rest_weight += weight;
}

} // namespace

void begin_leaders(Leaders *leaders, const RollupRow *row, const Pieces &pieces, uint32_t k) {
    *leaders = {};
    leaders->row = row;
    leaders->k = k;
    leaders->next_check = first_check;
    leaders->sum = tally_of(row, pieces, Purpose::reading);
    leaders->context = CurrentMemoryContext;
    leaders->scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk list", ALLOCSET_DEFAULT_SIZES);
}

void add_list(Leaders *leaders, struct varlena *items) {
    CHECK_FOR_INTERRUPTS();
    if (leaders->failed)
        return;
    MemoryContext caller = MemoryContextSwitchTo(leaders->scratch);
    Tally *sum = leaders->sum;
    if (leaders->rest == nullptr && is_exact(sum) && sum->summary->size() < most_items) {
        StoredTally values = {};
        values.items = items;
        merge_stored(sum, values);
    } else {
        if (leaders->rest == nullptr)
            begin_rest(leaders);
        add_to_rest(leaders, pg_detoast_datum_packed(items));
    }
    MemoryContextSwitchTo(caller);
    MemoryContextReset(leaders->scratch);
    if (++leaders->lists == leaders->next_check) {
        rank_leaders(leaders);
        leaders->next_check *= 4;
    }
}

bool rank_leaders(Leaders *leaders) {
    if (leaders->failed)
        return false;
    MemoryContext caller = MemoryContextSwitchTo(leaders->context);
    Ranking &ranking = leaders->ranking = ranking_of(leaders->row, {nullptr, nullptr, leaders->sum}, leaders->k);
    MemoryContextSwitchTo(caller);
    if (leaders->rest != nullptr) {
        const bool next = ranking.n < leaders->sum->summary->size();
        leaders->failed = !next || bound_of_rest(leaders) >= ranking.entries[ranking.n].count ||
                          leaders->rest_weight > max_total - ranking.total;
        ranking.total += leaders->rest_weight;
    }
    return !leaders->failed;
}

} // namespace topk::answer
