// The slots of background processes, in shared memory: one for each database that has a worker or that a statement holds.
// There are none without shared_preload_libraries. Each function takes the lock of the slots itself. README.md draws how a
// slot changes: its arrows have the names of functions here.
#pragma once

#include "../pg/pg.h"

namespace topk::worker {

enum class State : int {
    none,     // no process
    starting, // a process was registered; it connects and looks for the extension
    running,
};

// Why a slot has no process.
enum class Exit : int {
    failed,       // it ended by an error or a signal: the next one starts after a while
    no_extension, // the next one starts when a backend asks for it
    again,        // it asked for a fresh process
    disabled,     // pg_topk.worker is off
    stopped,      // it was asked to leave
};

// The place that a process is registered for. A process that comes too late finds another generation there, and goes.
struct Assignment {
    int slot;
    Oid database;
    uint32 generation;
    int32 rollup; // the one to backfill; 0: the process is the database's worker
};

struct SlotStatus {
    Oid database;
    State state;
    Exit exit; // of the last process
    uint32 generation;
    bool held;    // by a statement that needs the database without connections
    pid_t worker; // 0: none has come
    pid_t backfill;
    TimestampTz started;
    TimestampTz last_round;
    int64 rounds;
    uint32 pending; // rows of the delta log that were written since the last round began
    uint64 pending_bytes;
};

// The module calls these in its hooks for shared memory.
void request_slots();
void attach_slots();

int slot_count();
// Copies of the slots in use, in the current memory context.
SlotStatus *read_slots(int *count);
// False when the database has no slot.
bool read_slot(Oid database, SlotStatus *status);

// The launcher's arrows.

enum class Place {
    made,
    held, // a statement holds the database
    none, // every slot is taken
};
// Makes the place of a worker.
Place mark_starting(Oid database, TimestampTz now, Assignment *assignment);
// No process will take the place, as none could be registered, or it died before it came. False when one has come.
bool withdraw(Oid database, uint32 generation, Exit reason);
// The worker leaves when it has finished what it is doing.
void ask_to_leave(Oid database);
// Gives a slot back that has no process and no hold.
void reclaim(Oid database);

// The arrows of a worker or the process of a backfill, for the slot of its own.

// Takes the place that the process was registered for. False: the process must not connect, as its database may be about to
// be dropped.
bool enter(const Assignment &assignment);
void mark_running();
void leave(Exit reason); // Exit::stopped counts instead when the process was asked to leave
bool is_asked_to_leave();
uint64 pending_bytes();
void begin_round();
void end_round();
bool has_backfill();
// The place of a process that backfills a rollup of this database.
Assignment backfill_assignment(int32 rollup);

// The backlog of this backend's database: rows of the log since a round began, and answers under way (insert_delay.cpp).
struct Backlog {
    uint32 round; // its number
    uint64 bytes;
    uint64 bytes_before;     // of the round before
    TimestampTz round_began; // 0: none is under way
    bool has_answers;        // that are under way
};
// False when no worker is running.
bool read_backlog(Backlog *backlog);
// Returns when a round begins, an answer ends, or the time is over. May return before.
void wait_for_change(int64 ms);
void count_answers(int change); // of the answers that are under way: 1 at the beginning of one, -1 at its end

// The arrows of a backend whose statement needs a database without connections.

inline constexpr int max_held = 8; // databases that a statement holds: at most two

// No new process takes a place in the database. False when there is no slot.
bool hold(Oid database);
// The end of the last hold gives the slot back if there is no process: the launcher may not know the database any more.
void release(Oid database);
// Asks the processes of the database to leave: the one of a backfill by SIGTERM, the worker too when `terminate` says so.
struct Processes {
    pid_t worker; // 0: none
    pid_t backfill;
};
Processes expel(Oid database, bool terminate);

// Requests.

// Wakes the database's worker, or asks the launcher for one. Cannot fail.
void request_worker(Oid database);

inline constexpr int max_requests = 32;
struct Requests {
    Oid databases[max_requests];
    int count;
    bool overflowed; // there were more: any database may be among them
};
Requests take_requests();

// The launcher's latch is set by each request and each arrow that may give it work.
void enter_launcher();
void leave_launcher();

} // namespace topk::worker
