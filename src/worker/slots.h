// What launcher, workers and ordinary backends tell each other: one slot of shared memory per database with a worker. There
// is none without shared_preload_libraries. README.md draws the states.
#pragma once

#include "../pg/pg.h"

extern "C" {
#include "port/atomics.h"
#include "storage/latch.h"
#include "postmaster/bgworker.h"
#include "storage/lwlock.h"
}

namespace topk::worker {

enum class State : int {
    none,     // no process
    starting, // registered; connects and looks for the extension
    running,
};

// Why a slot has no process.
enum class Exit : int {
    failed,       // ended by an error or a signal: started again after a while
    no_extension, // not started again before somebody asks for it
    again,        // asks for a fresh process
    disabled,     // pg_topk.worker is off
    stopped,      // was asked to go
};

struct DatabaseSlot {
    Oid database; // InvalidOid: free
    State state;
    Exit exit;
    uint32 generation; // of the process: one that comes too late does not take the place of its successor
    int holds;         // statements that need the database without connections
    bool stop;         // the worker is to go
    pid_t worker;      // 0: none
    pid_t backfill;
    Latch *latch; // of the worker
    TimestampTz started;
    TimestampTz last_round;
    int64 rounds;
    pg_atomic_uint32 pending; // rows of the delta log that were written since the last round began
};

constexpr int max_requests = 32;

struct Shared {
    LWLock *lock; // of everything but pending
    Latch *launcher;
    Oid requests[max_requests]; // databases that want a worker
    int request_count;          // more than max_requests: some are not in the list
    int slot_count;
    DatabaseSlot slots[FLEXIBLE_ARRAY_MEMBER];
};

extern Shared *shared; // nullptr: none

// From the hooks of the module that set up shared memory.
void request_slots();
void attach_slots();

// Both with the lock held.
DatabaseSlot *find_slot(Oid database);
DatabaseSlot *allocate_slot(Oid database); // nullptr when there is no room
void wake_launcher();

// Wakes the database's worker, or asks the launcher for one. Cannot fail.
void request_worker(Oid database);

// No process of ours is connected to the database, nor will be one, until the transaction ends.
void hold_database(Oid database);

} // namespace topk::worker
