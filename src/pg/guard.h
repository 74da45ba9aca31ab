// The boundary between C++ exceptions and PostgreSQL's longjmp (see README.md for the rules).
#pragma once

#include <exception>
#include <new>
#include <type_traits>

#include "../core/error.h"
#include "pg.h"

namespace topk::pg {

// What went wrong in the core, in a form that a longjmp may leave behind.
struct Failure {
    int sqlstate; // 0: nothing went wrong
    char message[160];
};
static_assert(std::is_trivially_destructible_v<Failure>);

void describe(Failure &failure, const Error &error) noexcept;
void describe_out_of_memory(Failure &failure) noexcept;
void describe_unexpected(Failure &failure, const char *what) noexcept;
[[noreturn]] void raise(const Failure &failure);

// Runs a piece of core work, in which alone objects with destructors may live. It must not call PostgreSQL.
// Not inlined, so that every landing pad of an object file belongs to a function of this name, which a test relies on.
template <class Work>
[[gnu::noinline]] void attempt(Failure &failure, const Work &work) noexcept {
    static_assert(std::is_trivially_destructible_v<Work>, "capture by reference");
    failure.sqlstate = 0;
    try {
        work();
    } catch (const Error &error) {
        describe(failure, error);
    } catch (const std::bad_alloc &) {
        describe_out_of_memory(failure);
    } catch (const std::exception &error) {
        describe_unexpected(failure, error.what());
    } catch (...) {
        describe_unexpected(failure, "unknown exception");
    }
}

// The same, and an error of the work becomes an error of PostgreSQL after its last frame is gone.
template <class Work>
void guarded(const Work &work) {
    Failure failure;
    attempt(failure, work);
    if (failure.sqlstate != 0) [[unlikely]]
        raise(failure);
}

} // namespace topk::pg
