#include "hyperloglog.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "error.h"

namespace topk {
namespace {

constexpr unsigned value_max = value_bits + 1;

void require_valid(uint8_t largest) {
    if (largest > value_max)
        throw Error(Errc::malformed, "invalid HyperLogLog registers");
}

// The two series of Ertl's estimator: sigma for registers that are 0, tau for registers at the largest value.
double sigma(double x) {
    if (x == 1)
        return INFINITY;
    double sum = x, before;
    double y = 1;
    do {
        x *= x;
        before = sum;
        sum += x * y;
        y += y;
    } while (sum != before);
    return sum;
}

double tau(double x) {
    if (x == 0 || x == 1)
        return 0;
    double sum = 1 - x, before;
    double y = 1;
    do {
        x = std::sqrt(x);
        before = sum;
        y *= 0.5;
        sum -= (1 - x) * (1 - x) * y;
    } while (sum != before);
    return sum / 3;
}

} // namespace

void merge_registers(uint8_t *registers, const uint8_t *source) {
    uint8_t largest = 0;
    for (size_t i = 0; i < register_count; ++i) {
        registers[i] = std::max(registers[i], source[i]);
        largest = std::max(largest, source[i]);
    }
    require_valid(largest);
}

int64_t estimate_distinct(const uint8_t *registers) {
    require_valid(*std::max_element(registers, registers + register_count));
    uint32_t with[value_max + 1] = {}; // number of registers with each value
    for (size_t i = 0; i < register_count; ++i)
        ++with[registers[i]];
    constexpr auto m = static_cast<double>(register_count);
    double z = m * tau(1 - with[value_max] / m);
    for (unsigned value = value_bits; value >= 1; --value)
        z = 0.5 * (z + with[value]);
    z += m * sigma(with[0] / m);
    const double hashes = m * m / (2 * std::numbers::ln2) / z;
    // Among many items, some have the same 32 bits; this corrects for it. The result is limited to all 2^32 values.
    constexpr double all = 0x1p32;
    const double share = std::min(hashes / all, 1 - 1 / all);
    return std::llround(-all * std::log1p(-share));
}

} // namespace topk
