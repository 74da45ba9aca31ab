// Locks of rollups and of their sources.
#pragma once

#include <initializer_list>

#include "../pg/executor.h"
#include "tables.h"

extern "C" {
#include "storage/lock.h"
}

namespace topk::catalog {

// A transaction that changes the tiles of a rollup or takes its deltas away holds the lock of the rollup until it ends.
// Returns false if another transaction has the lock and wait is false.
inline bool lock_rollup(int32 id, bool wait) {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, table_oid(Table::rollup), static_cast<uint32>(id), 0);
    return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

// Locks tables and streams with all their partitions, in any number of short attempts: a lock that waits makes others wait
// behind it, and these are INSERTs. lock_timeout limits the time that all attempts take together (55P03). A notice names the
// processes that are waited for.
struct SourceLock {
    Oid relation;
    LOCKMODE mode;
};
void lock_sources(std::initializer_list<SourceLock> sources);

} // namespace topk::catalog
