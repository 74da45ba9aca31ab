// A server preloads this library. It lets one malloc, realloc or operator new fail, after the number of others that was
// passed to topk_failmalloc_arm().
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <dlfcn.h>
#include <new>

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_realloc(void *pointer, size_t size);
// The functions of AddressSanitizer, if it is in the process.
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_realloc(void *pointer, size_t size) __attribute__((weak));
}

namespace {

std::atomic<long> countdown{-1}; // allocations until one fails; -1 if none will fail
std::atomic<bool> fired{false};

bool fails_now() {
    if (countdown.load(std::memory_order_relaxed) < 0 || countdown.fetch_sub(1) > 0)
        return false;
    fired = true;
    errno = ENOMEM;
    return true;
}

// Runs before any other library's (-z initfirst). AddressSanitizer starts at the first allocation, and looks up symbols that
// may be missing, which asks gettext for a message: if that first allocation is gettext's own, it waits for its lock
// forever.
[[gnu::constructor]] void start() {
    void *volatile p = malloc(1);
    free(p);
}

} // namespace

extern "C" {

void topk_failmalloc_arm(long n) {
    if (n >= 0)
        fired = false;
    countdown = n;
}

bool topk_failmalloc_fired() { return fired; }

void *malloc(size_t size) {
    if (fails_now())
        return nullptr;
    return __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *realloc(void *pointer, size_t size) {
    if (fails_now())
        return nullptr;
    return __interceptor_realloc ? __interceptor_realloc(pointer, size) : __libc_realloc(pointer, size);
}
}

// The allocations of AddressSanitizer do not call malloc.
void *operator new(size_t size) {
    static const auto next = reinterpret_cast<void *(*)(size_t)>(dlsym(RTLD_NEXT, "_Znwm"));
    if (fails_now())
        throw std::bad_alloc();
    return next(size);
}
void *operator new[](size_t size) {
    static const auto next = reinterpret_cast<void *(*)(size_t)>(dlsym(RTLD_NEXT, "_Znam"));
    if (fails_now())
        throw std::bad_alloc();
    return next(size);
}
