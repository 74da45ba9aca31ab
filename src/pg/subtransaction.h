// Work that may fail alone.
#pragma once

#include <type_traits>

#include "pg.h"

extern "C" {
#include "utils/resowner.h"
}

namespace topk::pg {

// Runs work in a subtransaction. Returns nullptr, or the error that undid it, in the current memory context.
template <class Work>
[[gnu::noinline]] ErrorData *in_subtransaction(const Work &work) {
    static_assert(std::is_trivially_destructible_v<Work>, "capture by reference");
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    ErrorData *volatile error = nullptr;
    // PostgreSQL refuses invalidations in a subtransaction while some of the command around it have not been processed.
    CommandCounterIncrement();
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        PushActiveSnapshot(GetTransactionSnapshot());
        work();
        PopActiveSnapshot();
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return error;
}

} // namespace topk::pg
