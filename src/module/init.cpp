// The entry points of the library: the magic block, _PG_init, and the hooks that set up shared memory.
#include "../statistics/statistics.h"
#include "../stream/token_bucket.h"
#include "../worker/launcher.h"
#include "../worker/settings.h"
#include "../worker/slots.h"
#include "../worker/utility_hook.h"

extern "C" {
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace topk::module {
namespace {

shmem_request_hook_type next_request_hook = nullptr;
shmem_startup_hook_type next_startup_hook = nullptr;

void request_shared_memory() {
    if (next_request_hook != nullptr)
        next_request_hook();
    request_slots();
    request_statistics();
    request_token_buckets();
}

void attach_shared_memory() {
    if (next_startup_hook != nullptr)
        next_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    attach_slots();
    attach_statistics();
    attach_token_buckets();
    LWLockRelease(AddinShmemInitLock);
}

void init() {
    define_settings();
    if (!process_shared_preload_libraries_in_progress)
        return;
    next_request_hook = shmem_request_hook;
    shmem_request_hook = request_shared_memory;
    next_startup_hook = shmem_startup_hook;
    shmem_startup_hook = attach_shared_memory;
    install_utility_hook();
    register_launcher();
}

} // namespace
} // namespace topk::module

extern "C" {
#pragma GCC visibility push(default) // the server looks these up by name
#ifdef PG_MODULE_MAGIC_EXT           // from 18 on: shown by pg_get_loaded_modules()
PG_MODULE_MAGIC_EXT(.name = "pg_topk", .version = "1.0");
#else
PG_MODULE_MAGIC;
#endif

void _PG_init(void);
void _PG_init(void) { topk::module::init(); }
#pragma GCC visibility pop
}
