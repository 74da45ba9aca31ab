#include "growth.h"

#include <algorithm>
#include <cmath>

namespace topk {

namespace {

double part(double count, double mean) { return count == 0 ? 0 : count * std::log(count / mean); }

} // namespace

double growth_score(double now, double before, double exposure) {
    const double mean = (now + before) / (1 + exposure);
    const double statistic = 2 * (part(now, mean * exposure) + part(before, mean));
    return std::copysign(std::sqrt(std::max(0.0, statistic)), now - before * exposure); // rounding may make it negative
}

} // namespace topk
