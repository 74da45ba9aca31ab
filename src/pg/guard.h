// The boundary between C++ exceptions and PostgreSQL's longjmp. README.md has the rules.
#pragma once

#include <exception>
#include <new>
#include <type_traits>

#include "../core/error.h"
#include "pg.h"

namespace topk::pg {

// An error of the core, in a form without a destructor, so that a longjmp may leave it.
struct Failure {
    int sqlstate; // 0 if there was no error
    char message[160];
};
static_assert(std::is_trivially_destructible_v<Failure>);

void describe(Failure &failure, const Error &error) noexcept;
void describe_out_of_memory(Failure &failure) noexcept;
void describe_unexpected(Failure &failure, const char *what) noexcept;
[[noreturn]] void raise(const Failure &failure);

// Runs work in the core. Objects with destructors may exist only inside of `work`, which must not call PostgreSQL. The
// function is not inlined: a test requires that every landing pad of an object file belongs to a function of this name.
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

// Does the same, and raises an error of the work as an error of PostgreSQL after the frames of the work have ended.
template <class Work>
void guarded(const Work &work) {
    Failure failure;
    attempt(failure, work);
    if (failure.sqlstate != 0) [[unlikely]]
        raise(failure);
}

} // namespace topk::pg
