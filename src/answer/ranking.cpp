#include "ranking.h"

#include "../catalog/items_table.h"

namespace topk::answer {

Ranking ranking_of(const Sum &sum, uint32_t k) {
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
    return r;
}

Datum return_ranking(FunctionCallInfo fcinfo, const RollupRow *row, const Ranking &ranking) {
    InitMaterializedSRF(fcinfo, 0);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    const int n = static_cast<int>(ranking.n);
    auto *items = static_cast<Datum *>(palloc(n * sizeof(Datum) + 1));
    for (int i = 0; i < n; ++i)
        items[i] = PointerGetDatum(pg::item_to_text(ranking.kind, ranking.entries[i].key, ranking.entries[i].length));
    const Datum *metadata = metadata_of(row, items, n);
    for (int i = 0; i < n; ++i) {
        const Ranked &entry = ranking.entries[i];
        Datum values[] = {Int32GetDatum(i + 1),
                          items[i],
                          Int64GetDatum(static_cast<int64>(entry.count)),
                          Int64GetDatum(static_cast<int64>(entry.error)),
                          BoolGetDatum(entry.guaranteed),
                          Float8GetDatum(static_cast<double>(entry.count) / static_cast<double>(ranking.total)),
                          metadata[i]};
        bool nulls[7] = {};
        nulls[6] = metadata[i] == 0;
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return (Datum)0;
}

} // namespace topk::answer
