#include "bundle_writer.h"

#include "guard.h"

namespace topk::pg {
namespace {

// Of a bundle, with items of a few bytes that several groups have.
constexpr Size bytes_per_group = 3, bytes_per_count = 3;

struct BundleWriter {
    const SortedGroups *all;
    size_t longest;
    AppendBundle append;
    void *context;
    MemoryContext scratch;
    uint32 *positions;
};

// Writes the groups from first to last, of one tile, as one bundle, or as two if that would be too long.
void write_groups(const BundleWriter *writer, uint32 first, uint32 last) {
    CHECK_FOR_INTERRUPTS();
    const SortedGroups *all = writer->all;
    const Bundle::Content content = {all->kind, all->values, all->items, all->item_count, all->groups + first, last - first};
    size_t size = 0;
    guarded([&] { size = Bundle::bound(content, writer->positions); });
    auto *bytes = static_cast<struct varlena *>(palloc_extended(VARHDRSZ + size, MCXT_ALLOC_HUGE));
    guarded([&] { size = Bundle::write(content, writer->positions, reinterpret_cast<uint8_t *>(VARDATA(bytes))); });
    if (size > writer->longest && last - first > 1) {
        pfree(bytes);
        const uint32 middle = first + (last - first) / 2;
        write_groups(writer, first, middle);
        write_groups(writer, middle, last);
        return;
    }
    if (size > MaxAllocSize - VARHDRSZ)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the counts of a group are too large")));
    SET_VARSIZE(bytes, VARHDRSZ + size);
    TileBundle bundle = {all->tiles[first], 0, bytes};
    for (uint32 i = first; i < last; ++i)
        bundle.events += static_cast<int64>(all->groups[i].events);
    writer->append(writer->context, bundle);
    MemoryContextReset(writer->scratch);
}

} // namespace

void write_bundles(const SortedGroups &groups, size_t longest, AppendBundle append, void *context) {
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk bundle", ALLOCSET_DEFAULT_SIZES);
    auto *positions = static_cast<uint32 *>(
        palloc_extended((Size{groups.item_count} + 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    const BundleWriter writer = {&groups, longest, append, context, scratch, positions};
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    // The groups of a tile are divided by what they will take, nearly, and then where a bundle turns out to be too long.
    for (uint32 first = 0, last; first < groups.group_count; first = last) {
        const TimestampTz tile = groups.tiles[first];
        size_t size = 0;
        ItemView before = {};
        for (last = first; last < groups.group_count && groups.tiles[last] == tile; ++last) {
            const Bundle::CountedGroup &group = groups.groups[last];
            size += bytes_per_group + group.key.length -
                    common_prefix(before.data, before.length, group.key.data, group.key.length);
            size += Size{group.count} * bytes_per_count;
            before = group.key;
        }
        const auto parts = static_cast<uint32>(Min(1 + size / longest, last - first));
        for (uint32 i = 0; i < parts; ++i)
            write_groups(&writer, first + static_cast<uint32>(uint64{last - first} * i / parts),
                         first + static_cast<uint32>(uint64{last - first} * (i + 1) / parts));
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
    pfree(positions);
}

} // namespace topk::pg
