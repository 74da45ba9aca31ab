// Where a group has no rows of a level, so that writing many new rows of it one after the other need not look for each.
#pragma once

#include "calendar.h"
#include "group_key.h"

namespace topk::catalog {

// Valid while nothing else can write such rows. A zeroed one knows of no gap.
struct Gap {
    ArrayType *grp; // a copy
    Span starts;    // no row of the group begins in it

    bool contains(const ArrayType *group, TimestampTz start) const {
        return starts.contains(start) && equal_groups(grp, group);
    }
    // The gap ends with the next row of the group, or DT_NOEND. The copy lives in the memory context.
    void set(MemoryContext context, const ArrayType *group, Span gap) {
        if (!equal_groups(grp, group)) {
            if (grp != nullptr)
                pfree(grp);
            grp = nullptr;
            if (group != nullptr)
                grp = static_cast<ArrayType *>(memcpy(MemoryContextAlloc(context, VARSIZE(group)), group, VARSIZE(group)));
        }
        starts = gap;
    }
    // A row is about to be written that begins then.
    void pass(TimestampTz start) { starts.start = start + 1; }
};

} // namespace topk::catalog
