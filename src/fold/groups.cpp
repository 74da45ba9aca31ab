#include "groups.h"

#include "../catalog/group_key.h"

namespace topk::fold {
namespace {

struct NumberedGroup {
    const ArrayType *key;
    int number;
};

const ArrayType *key_at(const void *entry) { return static_cast<const NumberedGroup *>(entry)->key; }

uint32 hash_group(const void *entry, Size) {
    const ArrayType *key = key_at(entry);
    return static_cast<uint32>(XXH3_64bits(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)));
}

int match_groups(const void *a, const void *b, Size) { return equal_groups(key_at(a), key_at(b)) ? 0 : 1; }

} // namespace

void init_groups(Groups *groups) {
    *groups = {};
    HASHCTL control = {};
    control.keysize = sizeof(const ArrayType *);
    control.entrysize = sizeof(NumberedGroup);
    control.hash = hash_group;
    control.match = match_groups;
    control.hcxt = CurrentMemoryContext;
    groups->numbers = hash_create("pg_topk groups", 64, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

int group_number(Groups *groups, const ArrayType *key) {
    if (key == nullptr)
        return -1;
    bool found;
    auto *numbered = static_cast<NumberedGroup *>(hash_search(groups->numbers, &key, HASH_ENTER, &found));
    if (!found) {
        numbered->number = groups->groups.count;
        Group &group = groups->groups.add({DatumGetArrayTypePCopy(PointerGetDatum(key)), numbered->number});
        numbered->key = group.key; // the caller's may not last
    }
    return numbered->number;
}

void register_groups(Groups *groups, const RollupRow *row) {
    if (groups->groups.count == 0)
        return;
    const int overflow = group_number(groups, construct_empty_array(TEXTOID));
    int32 registered = -1;
    for (int i = 0; i < groups->groups.count; ++i) {
        if (i == overflow || is_registered(row->id, groups->groups[i].key, nullptr))
            continue;
        if (registered == -1)
            registered = registered_count(row->id, row->max_groups, nullptr);
        if (registered >= row->max_groups) {
            groups->groups[i].effective = overflow;
            continue;
        }
        register_group(row->id, groups->groups[i].key);
        ++registered;
    }
}

} // namespace topk::fold
