#include "list_sums.h"

#include <algorithm>

#include "../pg/counting_sort.h"

namespace topk::fold {
namespace {

template <class T>
T *room(MemoryContext context, Size n) {
    return static_cast<T *>(MemoryContextAllocHuge(context, (n + 1) * sizeof(T)));
}

uint32 list_of(ListSums *sums, int group, TimestampTz tile, DeltaScope scope) {
    while (sums->list_of_group.count <= group)
        sums->list_of_group.add(0);
    uint32 &list = sums->list_of_group[group];
    if (list <= sums->first_list) {
        sums->lists.add({tile, group, scope, sums->first_list, 0, 0, 0, nullptr, 0});
        list = static_cast<uint32>(sums->lists.count);
    }
    return list - 1;
}

// For each raw list of a group, which list of all groups together has its counts too. The latter are appended.
Array<int> add_lists_of_all(ListSums *sums) {
    Array<int> lists_of_all = {};
    const int n = sums->lists.count;
    for (int i = 0; i < n; ++i) {
        const SummedList list = sums->lists[i];
        if (list.scope != DeltaScope::raw) {
            lists_of_all.add(-1);
            continue;
        }
        if (sums->lists.count == n || sums->lists[sums->lists.count - 1].run != list.run)
            sums->lists.add({list.tile, -1, DeltaScope::raw, list.run, 0, 0, 0, nullptr, 0});
        lists_of_all.add(sums->lists.count - 1);
        SummedList &all = sums->lists[sums->lists.count - 1];
        all.events += list.events;
        all.raw_events += list.raw_events;
    }
    return lists_of_all;
}

// Adds up the counts of all groups together. They come in the order of their items.
void sum_all(ListSums *sums, const Bundle::GroupCount *counts, uint32 n, const Array<int> &lists_of_all) {
    const int first = lists_of_all.count;
    auto *sum = static_cast<Array<Bundle::Count> *>(palloc0((sums->lists.count - first + 1) * sizeof(Array<Bundle::Count>)));
    for (uint32 i = 0; i < n; ++i) {
        const int of_all = lists_of_all[static_cast<int>(counts[i].group)];
        if (of_all == -1)
            continue;
        Array<Bundle::Count> &all = sum[of_all - first];
        if (all.count != 0 && all[all.count - 1].item == counts[i].item)
            all[all.count - 1].weight += counts[i].weight;
        else
            all.add({counts[i].item, counts[i].weight});
    }
    for (int i = first; i < sums->lists.count; ++i) {
        const Array<Bundle::Count> &all = sum[i - first];
        sums->lists[i].counts = all.elements;
        sums->lists[i].count = static_cast<uint32>(all.count);
    }
}

// Adds up neighbours of the same item, in place.
uint32 sum_neighbours(Bundle::Count *counts, uint32 n) {
    uint32 sums = 0;
    for (uint32 i = 0; i < n; ++i)
        if (sums != 0 && counts[sums - 1].item == counts[i].item)
            counts[sums - 1].weight += counts[i].weight;
        else
            counts[sums++] = counts[i];
    return sums;
}

} // namespace

ListSums *make_sums(MemoryContext context, Kind kind) {
    auto *sums = static_cast<ListSums *>(MemoryContextAllocZero(context, sizeof(ListSums)));
    sums->context = AllocSetContextCreate(context, "pg_topk lists", ALLOCSET_DEFAULT_SIZES);
    sums->scratch = AllocSetContextCreate(sums->context, "pg_topk bundle", ALLOCSET_DEFAULT_SIZES);
    sums->kind = kind;
    init_items(&sums->items, sums->context);
    return sums;
}

DecodedBundle decode_bundle(ListSums *sums, const struct varlena *bundle) {
    MemoryContextReset(sums->scratch);
    MemoryContext caller = MemoryContextSwitchTo(sums->scratch);
    DecodedBundle decoded = {};
    const struct varlena *value = pg_detoast_datum_packed(const_cast<struct varlena *>(bundle));
    decoded.counts = read_bundle_counts(value, sums->kind, &decoded.content, &decoded.count);
    MemoryContextSwitchTo(caller);
    return decoded;
}

void begin_lists(ListSums *sums) {
    sums->first_list = static_cast<uint32>(sums->lists.count);
    sums->total = 0;
}

void add_bundle(ListSums *sums, Groups *groups, const DecodedBundle &bundle, TimestampTz tile, DeltaScope scope) {
    const BundleContent &content = bundle.content;
    if (content.total > max_total - sums->total)
        begin_lists(sums);
    auto *items = room<uint32>(sums->scratch, content.item_count);
    auto *lists = room<uint32>(sums->scratch, content.group_count);
    MemoryContext caller = MemoryContextSwitchTo(sums->context);
    item_numbers(&sums->items, content.items, content.item_count, items);
    for (uint32 i = 0; i < content.group_count; ++i) {
        lists[i] = list_of(sums, group_number(groups, content.groups[i].key), tile, scope);
        SummedList &list = sums->lists[static_cast<int>(lists[i])];
        list.events += static_cast<int64>(content.groups[i].events);
        if (scope == DeltaScope::raw)
            list.raw_events += static_cast<int64>(content.groups[i].events);
    }
    sums->counts.reserve(static_cast<int>(bundle.count));
    Bundle::GroupCount *out = sums->counts.end();
    for (const Bundle::GroupCount *count = bundle.counts, *end = count + bundle.count; count != end; ++count)
        *out++ = {lists[count->group], items[count->item], count->weight};
    sums->counts.count += static_cast<int>(bundle.count);
    sums->total += content.total;
    MemoryContextSwitchTo(caller);
}

Size memory_of(const ListSums *sums) {
    return static_cast<Size>(sums->counts.count) * 4 * sizeof(Bundle::GroupCount) +
           static_cast<Size>(sums->lists.count) * 2 * sizeof(SummedList) + MemoryContextMemAllocated(sums->context, false);
}

void finish_sums(ListSums *sums) {
    MemoryContext caller = MemoryContextSwitchTo(sums->context);
    MemoryContextReset(sums->scratch);
    const auto lists = static_cast<uint32>(sums->lists.count), n = static_cast<uint32>(sums->counts.count);
    Bundle::GroupCount *counts = sums->counts.elements;
    auto *sorted = room<ItemView>(sums->context, sums->items.count);
    auto *ranks = room<uint32>(sums->scratch, sums->items.count);
    sort_items(&sums->items, sums->kind, sorted, ranks);
    sums->sorted = sorted;
    for (uint32 i = 0; i < n; ++i)
        counts[i].item = ranks[counts[i].item];

    auto *others = room<Bundle::GroupCount>(sums->scratch, n);
    auto *starts = room<uint32>(sums->scratch, Max(radix_places, lists));
    auto *by_item =
        radix_sort(counts, others, n, starts, sums->items.count, [](const Bundle::GroupCount &c) { return c.item; });
    const Array<int> lists_of_all = add_lists_of_all(sums);
    sum_all(sums, by_item, n, lists_of_all);
    auto *by_list = by_item == counts ? others : counts;
    distribute(by_item, by_list, n, starts, lists, [](const Bundle::GroupCount &c) { return c.group; });
    auto *all_counts = room<Bundle::Count>(sums->context, n);
    for (uint32 i = 0; i < n; ++i)
        all_counts[i] = {by_list[i].item, by_list[i].weight};
    for (uint32 i = 0; i < lists; ++i) {
        SummedList &list = sums->lists[static_cast<int>(i)];
        const uint32 first = i == 0 ? 0 : starts[i - 1];
        list.counts = all_counts + first;
        list.count = sum_neighbours(all_counts + first, starts[i] - first);
        for (uint32 j = 0; j < list.count; ++j)
            list.weight += list.counts[j].weight;
        if (const int of_all = lists_of_all[static_cast<int>(i)]; of_all != -1)
            sums->lists[of_all].weight += list.weight;
    }
    if (counts != nullptr)
        pfree(counts);
    sums->counts = {};
    MemoryContextReset(sums->scratch);
    MemoryContextSwitchTo(caller);
}

SummedList *join_lists(ListSums *sums, const SummedList *const *lists, int n) {
    auto *joined = static_cast<SummedList *>(MemoryContextAlloc(sums->context, sizeof(SummedList)));
    *joined = *lists[0];
    Size size = lists[0]->count;
    for (int i = 1; i < n; ++i) {
        joined->events += lists[i]->events;
        joined->raw_events += lists[i]->raw_events;
        joined->weight += lists[i]->weight;
        size += lists[i]->count;
    }
    auto *counts = room<Bundle::Count>(sums->context, size), *end = counts;
    auto **ends = room<Bundle::Count *>(sums->context, n); // of lists that are in order
    for (int i = 0; i < n; ++i)
        ends[i] = end = std::copy_n(lists[i]->counts, lists[i]->count, end);
    for (int each = 1; each < n; each *= 2) // as many lists as have been merged so far
        for (int i = 0; i + each < n; i += 2 * each)
            std::inplace_merge(i == 0 ? counts : ends[i - 1], ends[i + each - 1], ends[Min(i + 2 * each, n) - 1],
                               [](const Bundle::Count &a, const Bundle::Count &b) { return a.item < b.item; });
    joined->counts = counts;
    joined->count = sum_neighbours(counts, static_cast<uint32>(size));
    return joined;
}

} // namespace topk::fold
