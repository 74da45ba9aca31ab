// Plans a fold of the deltas that it has collected: which bundles it reads, and its jobs.
#include "../catalog/set_aside.h"
#include "../catalog/snapshot.h"
#include "fold_steps.h"

namespace topk::fold {
namespace {

// Bundles take more memory when they are read, and with items that begin alike, a multiple.
constexpr Size max_read = 256 << 20;

CollectedDelta &at(Fold *fold, int delta) { return fold->deltas[delta]; }

bool is_waiting(const CollectedDelta &delta) { return delta.form.scope == DeltaScope::group; }

// By tile. In a tile first those that statements have written, then those of waiting counts: the ones that must leave their
// slot, and small ones before large ones.
Array<int> list_bundles(Fold *fold) {
    Array<int> list = {};
    for (int i = 0; i < fold->deltas.count; ++i)
        if (at(fold, i).is_bundle)
            list.add(i);
    std::sort(list.begin(), list.end(), [&](int i, int j) {
        const CollectedDelta &a = at(fold, i), &b = at(fold, j);
        if (a.form.tile != b.form.tile)
            return a.form.tile < b.form.tile;
        if (is_waiting(a) != is_waiting(b))
            return is_waiting(b);
        if (!is_waiting(a))
            return i < j;
        return a.draining != b.draining ? a.draining : a.bytes < b.bytes;
    });
    return list;
}

// Returns how many of the bundles of a tile the fold reads, from the first on.
int choose_bundles(Fold *fold, const int *bundles, int n) {
    const CollectedDelta &first = at(fold, bundles[0]);
    const bool over = fold->everything || window_of(&fold->row, Level::tile, first.form.tile).stop <= fold->now;
    size_t sum = 0;
    int m = 0;
    for (; m < n; ++m) {
        const CollectedDelta &delta = at(fold, bundles[m]);
        if (is_waiting(delta) && !over && !delta.draining && delta.bytes > std::max(sum, small))
            break;
        sum += delta.bytes;
    }
    return over || m >= max_waiting || !is_waiting(first) || first.draining ? m : 0;
}

// A bundle that cannot be read has counts of groups that nobody knows. Its row without values makes answers an error.
void set_bundle_aside(Fold *fold, CollectedDelta *delta) {
    const LevelSpan tile = {Level::tile, window_of(&fold->row, Level::tile, delta->form.tile)};
    fold->windows.at = tile;
    record_failure(fold, nullptr);
    SetAside row = {{delta->form, nullptr, {}}, 0};
    const char *sqlstate = unpack_sql_state(fold->error->sqlerrcode);
    if (!is_waiting(*delta)) {
        row.delta.form.scope = DeltaScope::all;
        insert_set_aside(row, sqlstate, false);
        fold->totals.events += delta->form.events;
    }
    row.delta.form.scope = DeltaScope::group;
    insert_set_aside(row, sqlstate, false);
    delta->taken = true;
    fold->windows.failures = true;
    delete_snapshots(fold->row.id, tile.span);
}

void take_bundle(Fold *fold, CollectedDelta *delta) {
    DecodedBundle bundle = {};
    const auto decode = [&] { bundle = decode_bundle(fold->sums, read_delta(delta->tuple, fold->descriptor).values.items); };
    if (!fold->alone) {
        decode();
    } else if ((fold->error = in_subtransaction(decode)) != nullptr) {
        set_bundle_aside(fold, delta);
        return;
    }
    add_bundle(fold->sums, &fold->groups, bundle, delta->form.tile, delta->form.scope);
    delta->taken = true;
}

// Sorts the parts by group, tile and delta.
void sort_parts(Fold *fold) {
    const int groups = fold->groups.groups.count + 1;
    auto *starts = static_cast<int *>(palloc0((static_cast<Size>(groups) + 1) * sizeof(int)));
    Array<Part> sorted = {};
    sorted.reserve(fold->parts.count);
    sorted.count = fold->parts.count;
    for (const Part &part : fold->parts)
        ++starts[part.group + 2];
    for (int i = 0; i < groups; ++i)
        starts[i + 1] += starts[i];
    for (const Part &part : fold->parts)
        sorted[starts[part.group + 1]++] = part;
    const auto before = [](const Part &a, const Part &b) { return a.tile != b.tile ? a.tile < b.tile : a.delta < b.delta; };
    for (int i = 0; i < groups; ++i) {
        Part *first = sorted.begin() + (i == 0 ? 0 : starts[i - 1]), *last = sorted.begin() + starts[i];
        if (!std::is_sorted(first, last, before))
            std::sort(first, last, before);
    }
    if (fold->parts.elements != nullptr)
        pfree(fold->parts.elements);
    fold->parts = sorted;
}

// Joins the lists of a job. There are several of raw and of waiting counts, and of groups that are counted as one. They stay
// apart only if they have too much weight together.
void join_parts(Fold *fold) {
    Array<const SummedList *> lists = {};
    Part *out = fold->parts.begin();
    for (const Part *part = out, *end = fold->parts.end(); part != end;) {
        Part first = *part;
        uint64 left = max_total;
        lists.count = 0;
        for (; part != end && part->list != nullptr && part->group == first.group && part->tile == first.tile &&
               part->list->weight <= left;
             ++part) {
            lists.add(part->list);
            left -= part->list->weight;
        }
        if (lists.count == 0)
            ++part;
        else if (lists.count > 1)
            first.list = join_lists(fold->sums, lists.elements, lists.count);
        *out++ = first;
    }
    fold->parts.count = static_cast<int>(out - fold->parts.begin());
}

} // namespace

void read_bundles(Fold *fold) {
    fold->sums = make_sums(fold->context, fold->row.shape.kind);
    const Array<int> list = list_bundles(fold);
    for (int first = 0, next; first < list.count; first = next) {
        const TimestampTz tile = at(fold, list[first]).form.tile;
        for (next = first + 1; next < list.count && at(fold, list[next]).form.tile == tile;)
            ++next;
        const int n = choose_bundles(fold, list.elements + first, next - first);
        for (int i = first; i < first + n; ++i) {
            CHECK_FOR_INTERRUPTS();
            CollectedDelta &delta = at(fold, list[i]);
            if (i == first || delta.form.scope != at(fold, list[i - 1]).form.scope)
                begin_lists(fold->sums);
            if (memory_of(fold->sums) > max_read) {
                fold->more = true;
                fold->unread = std::min(fold->unread, tile);
                finish_sums(fold->sums);
                return;
            }
            take_bundle(fold, &delta);
        }
    }
    finish_sums(fold->sums);
}

void plan_jobs(Fold *fold) {
    fold->parts.reserve(2 * fold->deltas.count + fold->sums->lists.count);
    for (int i = 0; i < fold->deltas.count; ++i) {
        CollectedDelta &delta = at(fold, i);
        if (delta.form.tile == DT_NOBEGIN) {
            fold->totals.rejected += delta.form.events;
            delta.taken = true;
            continue;
        }
        if (delta.is_bundle)
            continue;
        if (delta.form.scope != DeltaScope::group)
            fold->parts.add({-1, i, delta.form.tile, nullptr});
        if (delta.group != -1 && delta.form.scope != DeltaScope::all)
            fold->parts.add({delta.group, i, delta.form.tile, nullptr});
    }
    for (const SummedList &list : fold->sums->lists)
        fold->parts.add({list.group, -1, list.tile, &list});
    for (Part &part : fold->parts)
        if (part.group != -1)
            part.group = fold->groups.groups[part.group].effective;
    sort_parts(fold);
    join_parts(fold);
}

} // namespace topk::fold
