#include "tally.h"

#include <algorithm>
#include <cassert>

#include "../core/cms_format.h"
#include "../core/item_list.h"
#include "../core/window_size.h"
#include "bundle.h"

extern "C" {
#include "access/toast_internals.h"
}

namespace topk::pg {
namespace {

// Bounds the memory of an exact summary, however short its items are.
constexpr uint32_t max_exact_items = 65536;

// For a merge of summaries alone.
constexpr const CountMin *no_sketch = nullptr;

// Smaller values are not compressed, as that would save nothing.
constexpr size_t min_compressed = 256;

CmsParameters parameters_of(const TallyShape &shape) {
    CmsParameters p;
    p.width = shape.width;
    p.depth = shape.depth;
    return p;
}

// Switches to the memory context of a tally, which lives longer than that of the caller. back() must be called, as a
// destructor would not run after an error.
class ContextSwitch {
public:
    explicit ContextSwitch(MemoryContext context) : old_(MemoryContextSwitchTo(context)) {}
    void back() { MemoryContextSwitchTo(old_); }

private:
    MemoryContext old_;
};

// Frees the old block of a state that has moved.
template <class Sketch>
void moved(Sketch *&sketch, Sketch *now) {
    if (now != sketch)
        pfree(sketch);
    sketch = now;
}

template <class Sketch>
void add(Sketch *&sketch, const typename Sketch::Key &item, uint64_t weight) {
    if (!sketch->count(item, weight)) [[unlikely]]
        moved(sketch, insert(sketch, item, weight));
}

// Merges a sketch in memory.
CountMin *merge(CountMin *sketch, const CountMin *source) {
    bool fits = true;
    CountMin::Layout layout;
    guarded([&] {
        fits = sketch->fits(source->shape());
        if (!fits)
            layout = sketch->merge_layout(source->shape());
    });
    if (!fits)
        sketch = CountMin::relocate(*sketch, palloc(layout.size), layout);
    guarded([&] { sketch->merge(*source); });
    return sketch;
}

CountMin *make_sketch(const TallyShape &shape, Purpose purpose) {
    CountMin::Layout layout;
    guarded([&] {
        const CmsParameters parameters = parameters_of(shape);
        layout = purpose == Purpose::counting ? CountMin::dense_layout(parameters) : CountMin::initial_layout(parameters);
    });
    CountMin *sketch = CountMin::create(palloc(layout.size), layout);
    guarded([&] { sketch->require_kind(shape.kind); });
    return sketch;
}

// Creates sketch and registers with all items of the summary, before it drops the first one.
void make_companions(Tally *tally) {
    if (tally->purpose == Purpose::reading || tally->registers != nullptr)
        return;
    assert(tally->purpose != Purpose::exact);
    tally->registers = static_cast<uint8 *>(palloc0(register_count));
    if (tally->shape.width != 0 && tally->purpose != Purpose::distinct)
        tally->sketch = make_sketch(tally->shape, tally->purpose);
    const SpaceSaving *summary = tally->summary;
    for (uint32_t i = 0; i < summary->size(); ++i) {
        const SpaceSaving::Entry &entry = summary->entries()[i];
        add_register(tally->registers, entry.hash);
        if (tally->sketch != nullptr && tally->purpose != Purpose::counting)
            add(tally->sketch, tally->sketch->key_of(summary->key(entry), entry.length), entry.count);
    }
}

// Adds to the sketch the weight that an entry got while it was monitored. A dense sketch accepts any weight that the summary
// has accepted.
void settle(void *sketch, const uint8_t *key, const SpaceSaving::Entry &entry) noexcept {
    auto *cms = static_cast<CountMin *>(sketch);
    cms->count(cms->key_of(key, entry.length), entry.count - entry.error);
}

// Makes the summary one of this capacity. One with more entries drops those of the smallest counts, and is not exact any
// more.
void shrink(Tally *tally, uint32_t capacity) {
    make_companions(tally);
    SpaceSaving::Layout layout;
    guarded([&] { layout = tally->summary->shrunk_layout(capacity); });
    moved(tally->summary, SpaceSaving::relocate(*tally->summary, palloc(layout.size), layout));
    const SpaceSaving::Evictions evictions = {settle, tally->sketch};
    tally->summary->shrink(tally->purpose == Purpose::counting && tally->sketch != nullptr ? &evictions : nullptr);
}

// The largest counts may be those of the longest items, so that one time does not suffice.
void bound_key_bytes(Tally *tally) {
    if (tally->purpose == Purpose::exact)
        return;
    while (tally->summary->key_bytes() > max_key_bytes(tally->shape.capacity))
        shrink(tally, shorter_capacity(*tally->summary, tally->shape.capacity));
}

// Returns whether an exact summary may get one more item. It compares the sizes whenever the summary has grown by an eighth.
bool stays_exact(Tally *tally) {
    const SpaceSaving *summary = tally->summary;
    if (summary->size() < tally->exact_items || tally->purpose == Purpose::exact)
        return true;
    const TallyShape &shape = tally->shape;
    if (summary->size() >= max_exact_items ||
        exact_size(*summary) > inexact_size(*summary, shape.capacity, shape.width, shape.depth))
        return false;
    tally->exact_items = summary->size() + std::max(summary->size() / 8, 1u);
    return true;
}

void count_unmonitored(Tally *tally, const Item &item, uint64_t weight) {
    add_register(tally->registers, item.hash);
    if (tally->sketch == nullptr) {
        add(tally->summary, item, weight);
        return;
    }
    const CmsItem key = tally->sketch->key_of(item.data, item.length);
    if (tally->summary->count_filtered(item, weight)) {
        tally->sketch->count(key, weight);
        return;
    }
    // The sketch has the whole weight of an item that is not monitored.
    const uint64_t limit = tally->sketch->estimate(key) + weight;
    if (tally->summary->count_filtered(item, weight, limit)) {
        tally->sketch->count(key, weight);
        return;
    }
    const SpaceSaving::Evictions evictions = {settle, tally->sketch};
    moved(tally->summary, insert(tally->summary, item, weight, limit, &evictions));
}

void merge_items(Tally *tally, struct varlena *value, uint64_t times) {
    const Bytes bytes = bytes_of(value);
    constexpr uint32_t batch = 64;
    WeightedItem entries[batch];
    uint8_t scratch[ItemList::scratch_size]; // a block of so many bytes for each short list would take longer than the list
    Kind kind = Kind::none;
    // An ItemList has no destructor. Its constructor and next() may throw, so only they are guarded.
    alignas(ItemList) char place[sizeof(ItemList)];
    ItemList *list = nullptr;
    guarded([&] {
        list = new (place) ItemList(bytes.data, bytes.size);
        kind = list->kind();
    });
    require_stored_kind(kind, tally->shape.kind);
    for (;;) {
        uint32_t n = 0;
        guarded([&] { n = list->next(entries, batch, scratch); });
        if (n == 0)
            break;
        for (uint32_t i = 0; i < n; ++i)
            count_item(tally, entries[i].data, entries[i].length, entries[i].weight * times);
    }
}

void merge_exact(Tally *tally, Bytes bytes, uint32_t size, uint64_t times) {
    auto *entries = static_cast<Ranked *>(palloc((size_t{size} + 1) * sizeof(Ranked)));
    uint32_t n = 0;
    guarded([&] { n = StoredSpaceSaving(bytes.data, bytes.size).top(size, entries); });
    for (uint32_t i = 0; i < n; ++i)
        count_item(tally, entries[i].key, entries[i].length, entries[i].count * times);
    pfree(entries);
}

struct varlena *make_bytea(const void *data, size_t size) {
    auto *value = static_cast<struct varlena *>(palloc(VARHDRSZ + size));
    SET_VARSIZE(value, VARHDRSZ + size);
    memcpy(VARDATA(value), data, size);
    return value;
}

const uint8 *registers_of(const struct varlena *value) {
    if (VARSIZE_ANY_EXHDR(value) != register_count)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid HyperLogLog registers")));
    return reinterpret_cast<const uint8 *>(VARDATA_ANY(value));
}

struct varlena *detoast(struct varlena *value) {
    return pg_detoast_datum_packed(value);
}

// The context of a tally lives for many rows, so that copies would add up.
void free_copy(struct varlena *copy, const struct varlena *value) {
    if (copy != value)
        pfree(copy);
}

[[noreturn]] void raise_no_companions() {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a summary that is not exact lacks its sketch")));
    pg_unreachable();
}

// Merges a summary that is not exact, with its sketch and registers.
void merge_inexact(Tally *tally, Bytes summary, const StoredTally &stored) {
    if (stored.registers == nullptr || (tally->sketch != nullptr && stored.sketch == nullptr))
        raise_no_companions();
    struct varlena *registers = detoast(stored.registers);
    const uint8 *from = registers_of(registers);
    guarded([&] { merge_registers(tally->registers, from); });
    free_copy(registers, stored.registers);
    if (tally->sketch == nullptr) {
        moved(tally->summary, merge(tally->summary, summary));
        return;
    }
    const auto *here = tally->sketch;
    struct varlena *sketch = detoast(stored.sketch);
    CountMin *there = load<CountMin>(bytes_of(sketch));
    free_copy(sketch, stored.sketch);
    const uint64_t total = tally->summary->total();
    moved(tally->summary, merge(tally->summary, summary, here, const_cast<const CountMin *>(there)));
    if (tally->summary->total() - total != there->total())
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("summary and sketch of different events")));
    if (here->total() == 0) {
        moved(tally->sketch, there);
    } else {
        moved(tally->sketch, merge(tally->sketch, there));
        pfree(there);
    }
}

} // namespace

struct varlena *compress(struct varlena *value) {
    if (VARSIZE(value) < min_compressed)
        return value;
#ifdef USE_LZ4
    const Datum smaller = toast_compress_datum(PointerGetDatum(value), TOAST_LZ4_COMPRESSION);
#else
    const Datum smaller = toast_compress_datum(PointerGetDatum(value), TOAST_PGLZ_COMPRESSION);
#endif
    return DatumGetPointer(smaller) == nullptr ? value : reinterpret_cast<struct varlena *>(DatumGetPointer(smaller));
}

Tally *make_tally(const TallyShape &shape, Purpose purpose) {
    auto *tally = static_cast<Tally *>(palloc0(sizeof(Tally)));
    tally->context = CurrentMemoryContext;
    tally->shape = shape;
    tally->purpose = purpose;
    SpaceSaving::Layout layout;
    tally->exact_items = shape.capacity;
    guarded([&] { layout = SpaceSaving::initial_layout(max_capacity, 0); });
    tally->summary = SpaceSaving::create(palloc(layout.size), layout);
    guarded([&] { tally->summary->require_kind(shape.kind); });
    return tally;
}

Tally *load_tally(const TallyShape &shape, const StoredTally &stored, Purpose purpose) {
    struct varlena *summary = detoast(stored.summary);
    const Bytes bytes = bytes_of(summary);
    auto *tally = static_cast<Tally *>(palloc0(sizeof(Tally)));
    tally->context = CurrentMemoryContext;
    tally->shape = shape;
    tally->purpose = purpose;
    SpaceSaving::Layout layout;
    Kind kind = Kind::none;
    guarded([&] {
        const StoredSpaceSaving s(bytes.data, bytes.size);
        kind = s.kind();
        layout = SpaceSaving::roomy_layout(s.shape());
    });
    require_stored_kind(kind, shape.kind);
    tally->summary = SpaceSaving::create(palloc(layout.size), layout);
    guarded([&] { tally->summary->merge(StoredSpaceSaving(bytes.data, bytes.size)); });
    tally->exact_items = std::max(shape.capacity, tally->summary->size());
    if (is_exact(tally)) {
        tally->summary->set_capacity(max_capacity);
    } else if (purpose == Purpose::distinct) {
        if (stored.registers == nullptr)
            raise_no_companions();
        tally->registers = static_cast<uint8 *>(palloc(register_count));
        memcpy(tally->registers, registers_of(detoast(stored.registers)), register_count);
    }
    return tally;
}

void count_item(Tally *tally, const void *data, size_t length, uint64_t weight) {
    if (weight == 0)
        return;
    const Item item = SpaceSaving::key_of(data, length);
    const bool counting = tally->purpose == Purpose::counting;
    if ((counting || is_exact(tally)) && tally->summary->count_monitored(item, weight))
        return;
    ContextSwitch context(tally->context);
    if (is_exact(tally) && !stays_exact(tally))
        shrink(tally, tally->shape.capacity);
    bound_key_bytes(tally);
    if (counting && tally->registers != nullptr) {
        count_unmonitored(tally, item, weight);
        context.back();
        return;
    }
    if (tally->registers != nullptr)
        add_register(tally->registers, item.hash);
    if (tally->sketch == nullptr) {
        add(tally->summary, item, weight);
    } else {
        const CmsItem key = tally->sketch->key_of(data, length);
        uint64_t limit = tally->sketch->raise(key, weight);
        if (limit == 0) [[unlikely]] {
            moved(tally->sketch, insert(tally->sketch, key, weight));
            limit = tally->sketch->estimate(key);
        }
        if (!tally->summary->count(item, weight, limit))
            moved(tally->summary, insert(tally->summary, item, weight, limit));
    }
    context.back();
}

void count_all(Tally *tally, const SpaceSaving *exact) {
    for (uint32_t i = 0; i < exact->size(); ++i) {
        const SpaceSaving::Entry &entry = exact->entries()[i];
        count_item(tally, exact->key(entry), entry.length, entry.count);
    }
}

void merge_stored(Tally *tally, const StoredTally &stored, uint64_t times) {
    assert(times == 1 || tally->purpose == Purpose::reading);
    ContextSwitch context(tally->context);
    if (stored.items != nullptr) {
        struct varlena *items = detoast(stored.items);
        if (is_bundle(items))
            merge_all_groups(tally, items, times);
        else
            merge_items(tally, items, times);
        free_copy(items, stored.items);
    } else if (stored.summary != nullptr) {
        struct varlena *summary = detoast(stored.summary);
        const Bytes bytes = bytes_of(summary);
        uint32_t size = 0;
        uint64_t floor = 0;
        Kind kind = Kind::none;
        guarded([&] {
            const StoredSpaceSaving s(bytes.data, bytes.size);
            size = s.size();
            floor = s.floor();
            kind = s.kind();
        });
        require_stored_kind(kind, tally->shape.kind);
        if (floor == 0) {
            merge_exact(tally, bytes, size, times);
        } else {
            make_companions(tally);
            if (tally->purpose == Purpose::reading)
                moved(tally->summary, merge(tally->summary, bytes, no_sketch, no_sketch, times));
            else
                merge_inexact(tally, bytes, stored);
            bound_key_bytes(tally);
        }
        free_copy(summary, stored.summary);
    }
    context.back();
}

StoredTally store_tally(Tally *tally) {
    const SpaceSaving *summary = tally->summary;
    if (tally->purpose == Purpose::counting && tally->sketch != nullptr)
        for (uint32_t i = 0; i < summary->size(); ++i)
            settle(tally->sketch, summary->key(summary->entries()[i]), summary->entries()[i]);
    if (tally->sketch != nullptr)
        assert(summary->violated_invariant(*tally->sketch) == nullptr);
    StoredTally stored = {};
    if (is_exact(tally)) {
        const uint32_t capacity = std::max(tally->shape.capacity, summary->size());
        tally->summary->set_capacity(capacity);
        stored.summary = pack(tally->summary);
        tally->summary->set_capacity(max_capacity);
        if (capacity > tally->shape.capacity)
            stored.summary = compress(stored.summary);
        return stored;
    }
    stored.summary = pack(tally->summary);
    if (tally->registers != nullptr) {
        stored.registers = compress(make_bytea(tally->registers, register_count));
        if (tally->sketch != nullptr)
            stored.sketch = pack(tally->sketch);
    }
    return stored;
}

struct varlena *store_sketch(Tally *tally) {
    assert(tally->purpose == Purpose::merging && tally->shape.width != 0);
    ContextSwitch context(tally->context);
    make_companions(tally);
    context.back();
    return pack(tally->sketch);
}

StoredTally store_delta(Tally *tally) {
    if (!is_exact(tally))
        return store_tally(tally);
    size_t size = 0;
    guarded([&] { size = ItemList::bound(*tally->summary); });
    auto *items = static_cast<struct varlena *>(palloc(VARHDRSZ + size));
    guarded([&] { size = ItemList::write(*tally->summary, reinterpret_cast<uint8_t *>(VARDATA(items))); });
    SET_VARSIZE(items, VARHDRSZ + size);
    StoredTally stored = {};
    stored.items = compress(items);
    return stored;
}

int64 registers_estimate(const struct varlena *registers) {
    const uint8 *values = registers_of(registers);
    int64 result = 0;
    guarded([&] { result = estimate_distinct(values); });
    return result;
}

int64 tally_distinct(const Tally *tally) {
    if (tally->registers == nullptr)
        return tally->summary->size();
    int64 result = 0;
    guarded([&] { result = estimate_distinct(tally->registers); });
    return result;
}

} // namespace topk::pg
