#include "ranking.h"

#include "rows.h"

namespace topk::answer {

namespace {

// The sum of pieces that count as often as they may.
Sum largest_sum(const RollupRow *row, const Pieces &pieces, const Times *times) {
    Sum sum = {};
    sum.tally = make_tally(row->shape, Purpose::reading);
    for (int i = 0; i < pieces.parts.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        merge_stored(sum.tally, pieces.parts[i].values, times[i].most);
    }
    return sum;
}

// The sums of the lower bounds of the entries' items.
uint64_t *lower_bounds(const RollupRow *row, const Pieces &pieces, const Times *times, const Ranking &ranking) {
    auto *lower = static_cast<uint64_t *>(palloc0((size_t{ranking.n} + 1) * sizeof(uint64_t)));
    auto *items = static_cast<BoundedItem *>(palloc((size_t{ranking.n} + 1) * sizeof(BoundedItem)));
    for (uint32_t i = 0; i < ranking.n; ++i) {
        const Ranked &entry = ranking.entries[i];
        items[i] = {SpaceSaving::key_of(entry.key, entry.length).hash, entry.key, entry.length, &lower[i]};
    }
    std::sort(items, items + ranking.n, [](const BoundedItem &a, const BoundedItem &b) { return a.hash < b.hash; });
    MemoryContext piece = AllocSetContextCreate(CurrentMemoryContext, "pg_topk piece", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(piece);
    for (int i = 0; i < pieces.parts.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (times[i].least != 0)
            add_lower_bounds(pieces.parts[i].values, row->shape.kind, times[i].least, items, ranking.n);
        MemoryContextReset(piece);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(piece);
    return lower;
}

} // namespace

Ranking ranking_of(const RollupRow *row, const Pieces &pieces, const Times *times, uint32_t k) {
    const bool once = std::all_of(times, times + pieces.parts.count, [](const Times &t) { return t.most == 1; });
    Ranking ranking = ranking_of(row, once ? sum_of(row, pieces) : largest_sum(row, pieces, times), k);
    const uint64_t *lower = lower_bounds(row, pieces, times, ranking);
    for (uint32_t i = 0; i < ranking.n; ++i) {
        Ranked &entry = ranking.entries[i];
        entry.error = entry.count - std::min(lower[i], entry.count);
        entry.guaranteed = lower[i] >= ranking.rival;
    }
    return ranking;
}

int64 distinct_of(const Sum &sum) {
    if (sum.tally != nullptr)
        return tally_distinct(sum.tally);
    if (sum.stored == nullptr)
        return 0;
    if (sum.registers != nullptr)
        return registers_estimate(pg_detoast_datum_packed(sum.registers));
    int64 size = 0;
    pg::guarded([&] {
        const pg::Bytes bytes = pg::bytes_of(sum.stored);
        size = StoredSpaceSaving(bytes.data, bytes.size).size();
    });
    return size;
}

Ranking ranking_of(const RollupRow *row, const Sum &sum, uint32_t k) {
    Ranking r = {};
    if (sum.stored == nullptr && sum.tally == nullptr)
        return r;
    uint32_t size = 0;
    if (sum.tally != nullptr)
        size = sum.tally->summary->size();
    else
        pg::guarded([&] {
            const pg::Bytes bytes = pg::bytes_of(sum.stored);
            size = StoredSpaceSaving(bytes.data, bytes.size).size();
        });
    r.entries = static_cast<Ranked *>(palloc((size_t{std::min(k, size)} + 1) * sizeof(Ranked)));
    pg::guarded([&] {
        if (sum.tally != nullptr) {
            const SpaceSaving &live = *sum.tally->summary;
            r.kind = live.kind();
            r.total = live.total();
            r.floor = live.floor();
            r.n = top_of(live, k, r.entries);
            return;
        }
        const pg::Bytes bytes = pg::bytes_of(sum.stored);
        const StoredSpaceSaving stored(bytes.data, bytes.size);
        r.kind = stored.kind();
        r.total = stored.total();
        r.floor = stored.floor();
        r.n = stored.top(k, r.entries);
    });
    r.rival = std::max(r.n < size ? r.entries[r.n].count : 0, r.floor);
    require_stored_kind(r.kind, row->shape.kind);
    return r;
}

void fill_entry(const Ranking &ranking, uint32_t i, Datum item, Datum *values) {
    const Ranked &entry = ranking.entries[i];
    values[0] = Int32GetDatum(static_cast<int32>(i + 1));
    values[1] = item;
    values[2] = Int64GetDatum(static_cast<int64>(entry.count));
    values[3] = Int64GetDatum(static_cast<int64>(entry.error));
    values[4] = BoolGetDatum(entry.guaranteed);
    values[5] = Float8GetDatum(static_cast<double>(entry.count) / static_cast<double>(ranking.total));
}

Datum return_ranking(FunctionCallInfo fcinfo, const RollupRow *row, const Ranking &ranking, const Span *span) {
    return return_items<entry_columns + 3, entry_columns>(
        fcinfo, row, static_cast<int>(ranking.n), [&](int i) { return item_text(ranking, ranking.entries[i]); },
        [&](int i, Datum item, Datum *values, bool *) {
            fill_entry(ranking, static_cast<uint32_t>(i), item, values);
            if (span == nullptr)
                return;
            values[entry_columns + 1] = TimestampTzGetDatum(span->start);
            values[entry_columns + 2] = TimestampTzGetDatum(span->stop);
        });
}

} // namespace topk::answer
