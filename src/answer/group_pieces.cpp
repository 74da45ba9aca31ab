#include "pieces.h"

#include <algorithm>

#include "../catalog/group_key.h"

namespace topk::answer {
namespace {

GroupPieces *place_of(Array<GroupPieces> &groups, const ArrayType *grp) {
    return std::lower_bound(groups.begin(), groups.end(), grp, [](const GroupPieces &group, const ArrayType *key) {
        return compare_groups(group.grp, key) < 0;
    });
}

} // namespace

GroupPieces *find_group(Array<GroupPieces> &groups, const ArrayType *grp) {
    GroupPieces *place = place_of(groups, grp);
    return place != groups.end() && equal_groups(place->grp, grp) ? place : nullptr;
}

GroupPieces *insert_group(Array<GroupPieces> *groups, const ArrayType *grp) {
    const auto at = static_cast<int>(place_of(*groups, grp) - groups->begin());
    groups->add({});
    std::move_backward(groups->begin() + at, groups->end() - 1, groups->end());
    (*groups)[at] = {DatumGetArrayTypePCopy(PointerGetDatum(grp)), {}};
    return &(*groups)[at];
}

} // namespace topk::answer
