#include "time_slice.h"

#include "../pg/pg.h"

#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace topk::worker {
namespace {

double requested = 0; // ms

#ifdef __linux__

// The struct sched_attr of sched_setattr(2), first version. The C library and older kernel headers cannot be included
// together for it.
struct SchedulingAttributes {
    uint32 size;
    uint32 policy;
    uint64 flags;
    int32 nice;
    uint32 priority;
    uint64 runtime; // ns
    uint64 deadline;
    uint64 period;
};

// False if the system refuses.
bool request(double ms) {
    SchedulingAttributes attributes = {};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0)
        return false;
    // Real-time policies have no such slices.
    if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH)
        return false;
    attributes.runtime = static_cast<uint64>(ms * 1e6);
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

#else

bool request(double) { return false; }

#endif

} // namespace

void set_time_slice(double ms) {
    static bool refused = false;
    if (ms == requested || refused)
        return;
    refused = !request(ms);
    requested = ms;
}

} // namespace topk::worker
