// HyperLogLog estimates the number of distinct items from a fixed number of registers.
//
// Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", AofA
// 2007; the estimator is the improved one of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
// arXiv:1702.01284, 2017: one formula without a bias for every number of items. Stored bytes: docs/format.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace topk {

inline constexpr unsigned register_bits = 14; // standard error: 1.04 / sqrt(2^14) = 0.8 %
inline constexpr size_t register_count = size_t{1} << register_bits;

// Of the upper 32 bits of the hash of an item, the first register_bits select the register. Its value is the position, from
// 1 on, of the first set bit among the others, or value_bits + 1 if none is set.
inline constexpr unsigned value_bits = 32 - register_bits;

inline void add_register(uint8_t *registers, uint64_t hash) {
    const auto bits = static_cast<uint32_t>(hash >> 32);
    const uint32_t rest = bits << register_bits | 1u << (register_bits - 1); // this bit ends the search
    const auto value = static_cast<uint8_t>(__builtin_clz(rest) + 1);
    uint8_t &r = registers[bits >> value_bits];
    if (r < value)
        r = value;
}

// Throws malformed if a register has a value that no item can produce.
void merge_registers(uint8_t *registers, const uint8_t *source);

// Returns the estimate, rounded to the nearest integer; throws malformed as merge_registers() does.
int64_t estimate_distinct(const uint8_t *registers);

} // namespace topk
