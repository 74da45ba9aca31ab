// The lock of a rollup. A transaction that changes its tiles or takes its deltas away holds it until it ends.
#pragma once

#include "tables.h"

extern "C" {
#include "storage/lock.h"
}

namespace topk::catalog {

// Returns false if another transaction has the lock and wait is false.
inline bool lock_rollup(int32 id, bool wait) {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, table_oid(Table::rollup), static_cast<uint32>(id), 0);
    return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

} // namespace topk::catalog
