#include "retention.h"

#include "../catalog/group_key.h"
#include "../catalog/rollup_state.h"
#include "../catalog/joint_snapshot.h"

namespace topk::fold {

void apply_retention(int32 rollup) {
    const Cutoffs cutoffs = read_cutoffs(rollup);
    LevelChange change = {};
    Lost lost = read_lost(rollup, nullptr);
    bool any = false;
    for (int i = 0; i < level_count; ++i) {
        const auto level = static_cast<Level>(i);
        const Span removed = expire_tiles(rollup, level, cutoffs.windows[i], &change);
        lost.levels[i] = {std::min(lost.levels[i].start, removed.start), std::max(lost.levels[i].stop, removed.stop)};
        expire_snapshots(rollup, level_name(level), cutoffs.snapshots);
        expire_joint_snapshots(rollup, level_name(level), cutoffs.snapshots);
        any |= change.windows[i] != 0;
    }
    if (any)
        delete_unused_groups(rollup);
    add_retention(rollup, change, lost);
}

} // namespace topk::fold
