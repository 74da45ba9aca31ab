// TOPK_ANSWER(name, function) in place of TOPK_FUNCTION(name, function(fcinfo)): an SQL function that answers for a rollup,
// timed for topk.stats. What ends in an error is not counted.
#pragma once

#include <chrono>

#include "../pg/sketch.h"
#include "statistics.h"

#define TOPK_ANSWER(name, function) TOPK_FUNCTION(name, topk::statistics::timed_answer(function, fcinfo))

namespace topk::statistics {

// The rollup that is asked for, which find_readable() tells.
inline int32 answering = 0;

inline Datum timed_answer(Datum (*function)(FunctionCallInfo), FunctionCallInfo fcinfo) {
    using std::chrono::nanoseconds, std::chrono::steady_clock;
    if (!has_statistics())
        return function(fcinfo);
    const int32 outer = answering;
    answering = 0;
    const steady_clock::time_point began = steady_clock::now();
    const Datum result = function(fcinfo);
    count_answer(answering, std::chrono::duration_cast<nanoseconds>(steady_clock::now() - began).count());
    answering = outer;
    return result;
}

} // namespace topk::statistics
