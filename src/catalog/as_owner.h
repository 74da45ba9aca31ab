// Brackets that set the user and the settings that a statement runs with.
#pragma once

#include <type_traits>

#include "../pg/pg.h"
#include "settings.h"

namespace topk::catalog {

// The state that a bracket puts back. After an error it has nothing to do: the abort of the transaction does the same.
struct Caller {
    Oid user;
    int context;
    int settings;
};
Caller become_owner();
Caller become_source_owner(Oid owner, pg_tz *zone);
void become_caller(const Caller &caller);

// Runs statements on the tables of schema topk: as the owner of the schema, who alone may write them, under pinned settings,
// with SPI connected. The work is ours alone: nothing of a user's may run in it. Memory that it allocates is gone
// afterwards, except what comes from SPI_palloc() and its like.
//
// An error leaves the bracket by a longjmp, so neither the work nor its result may have a destructor.
template <class Work>
auto as_owner(const Work &work) {
    using Result = decltype(work());
    static_assert(std::is_trivially_destructible_v<Work>, "capture by reference");
    const Caller caller = become_owner();
    SPI_connect();
    if constexpr (std::is_void_v<Result>) {
        work();
        SPI_finish();
        become_caller(caller);
    } else {
        static_assert(std::is_trivially_destructible_v<Result>);
        const Result result = work();
        SPI_finish();
        become_caller(caller);
        return result;
    }
}

// Runs what the owner of a source wrote, in whose expressions anything may be hidden: with the rights of that user and no
// others, under pinned settings, and unable to change anything that outlives it. SPI is as it was.
template <class Work>
void as_source_owner(Oid owner, pg_tz *zone, const Work &work) {
    static_assert(std::is_trivially_destructible_v<Work>, "capture by reference");
    const Caller caller = become_source_owner(owner, zone);
    work();
    become_caller(caller);
}

} // namespace topk::catalog
