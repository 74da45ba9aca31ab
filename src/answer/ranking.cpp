#include "ranking.h"

#include "rows.h"

namespace topk::answer {

Ranking ranking_of(const RollupRow *row, const Pieces &pieces, uint32_t k) {
    Ranking r = {};
    const Sum sum = sum_of(row, pieces);
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
    require_stored_kind(r.kind, row->shape.kind);
    return r;
}

Datum return_ranking(FunctionCallInfo fcinfo, const RollupRow *row, const Ranking &ranking) {
    return return_items<7>(
        fcinfo, row, static_cast<int>(ranking.n), [&](int i) { return item_text(ranking, ranking.entries[i]); },
        [&](int i, Datum item, Datum *values, bool *) {
            const Ranked &entry = ranking.entries[i];
            values[0] = Int32GetDatum(i + 1);
            values[1] = item;
            values[2] = Int64GetDatum(static_cast<int64>(entry.count));
            values[3] = Int64GetDatum(static_cast<int64>(entry.error));
            values[4] = BoolGetDatum(entry.guaranteed);
            values[5] = Float8GetDatum(static_cast<double>(entry.count) / static_cast<double>(ranking.total));
        });
}

} // namespace topk::answer
