#include "growth.h"

#include <algorithm>
#include <cmath>

namespace topk {

namespace {

double part(double count, double mean) { return count == 0 ? 0 : count * std::log(count / mean); }

} // namespace

double growth_score(double now, double before) {
    const double mean = (now + before) / 2;
    const double statistic = std::max(0.0, 2 * (part(now, mean) + part(before, mean))); // rounding may make it negative
    return std::copysign(std::sqrt(statistic), now - before);
}

} // namespace topk
