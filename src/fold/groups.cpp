#include "groups.h"

#include "../catalog/group_key.h"

namespace topk::fold {
namespace {

uint64_t hash_of(const ArrayType *key) { return XXH3_64bits(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)); }

void enter(Groups *groups, int number) {
    uint32 at = static_cast<uint32>(hash_of(groups->keys[number])) & (groups->slots - 1);
    while (groups->table[at] != 0)
        at = (at + 1) & (groups->slots - 1);
    groups->table[at] = number + 1;
}

void grow(Groups *groups) {
    groups->room *= 2;
    groups->keys = static_cast<ArrayType **>(repalloc(groups->keys, groups->room * sizeof(ArrayType *)));
    groups->effective = static_cast<int *>(repalloc(groups->effective, groups->room * sizeof(int)));
    groups->slots *= 2;
    pfree(groups->table);
    groups->table = static_cast<int *>(palloc0(groups->slots * sizeof(int)));
    for (int i = 0; i < groups->count; ++i)
        enter(groups, i);
}

} // namespace

void init_groups(Groups *groups) {
    *groups = {};
    groups->room = 64;
    groups->slots = 4 * 64;
    groups->keys = static_cast<ArrayType **>(palloc(groups->room * sizeof(ArrayType *)));
    groups->effective = static_cast<int *>(palloc(groups->room * sizeof(int)));
    groups->table = static_cast<int *>(palloc0(groups->slots * sizeof(int)));
}

int group_number(Groups *groups, const ArrayType *key) {
    if (key == nullptr)
        return -1;
    uint32 at = static_cast<uint32>(hash_of(key)) & (groups->slots - 1);
    for (; groups->table[at] != 0; at = (at + 1) & (groups->slots - 1))
        if (equal_groups(groups->keys[groups->table[at] - 1], key))
            return groups->table[at] - 1;
    if (groups->count == groups->room)
        grow(groups);
    const int number = groups->count++;
    groups->keys[number] = DatumGetArrayTypePCopy(PointerGetDatum(key));
    groups->effective[number] = number;
    enter(groups, number);
    return number;
}

void register_groups(Groups *groups, const RollupRow *row) {
    if (groups->count == 0)
        return;
    const int overflow = group_number(groups, construct_empty_array(TEXTOID));
    int32 registered = -1;
    for (int i = 0; i < groups->count; ++i) {
        if (i == overflow || is_registered(row->id, groups->keys[i], nullptr))
            continue;
        if (registered == -1)
            registered = registered_count(row->id, row->max_groups, nullptr);
        if (registered >= row->max_groups) {
            groups->effective[i] = overflow;
            continue;
        }
        register_group(row->id, groups->keys[i]);
        ++registered;
    }
}

} // namespace topk::fold
