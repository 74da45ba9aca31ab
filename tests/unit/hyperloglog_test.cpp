#include "hyperloglog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "error.h"
#include "item.h"
#include "streams.h"

namespace topk {
namespace {

using Registers = std::vector<uint8_t>;

#ifdef TOPK_TEST_SMALL
constexpr uint64_t most_items = 200000; // of all sets of one size
constexpr double tolerance = 0.02;
#else
constexpr uint64_t most_items = 12000000;
constexpr double tolerance = 0.009; // the documented root mean square
#endif

// Returns an item of a set; sets do not overlap.
using MakeItem = void (*)(uint64_t number, std::string &item);

void text_item(uint64_t number, std::string &item) { item = "item_" + std::to_string(number); }

// Ids of a sequence: neighbours differ in their last bits.
void bigint_item(uint64_t number, std::string &item) {
    item.resize(8);
    for (int i = 0; i < 8; ++i)
        item[i] = static_cast<char>(number >> (8 * i));
}

void uuid_item(uint64_t number, std::string &item) {
    streams::Random random(number);
    item.resize(16);
    for (int i = 0; i < 16; i += 8) {
        const uint64_t bits = random.next();
        memcpy(item.data() + i, &bits, 8);
    }
}

struct Errors {
    double mean = 0;
    double rms = 0;
};

uint64_t sets_of(uint64_t size) { return std::clamp<uint64_t>(most_items / size, 8, 400); }

// With few sets, the root mean square is uncertain too: two standard deviations of it are allowed in addition.
double limit_of(uint64_t sets) { return tolerance * (1 + 2 / std::sqrt(2.0 * static_cast<double>(sets))); }

Errors errors_of(MakeItem make, uint64_t size, uint64_t first) {
    const uint64_t sets = sets_of(size);
    Errors e;
    std::string item;
    for (uint64_t s = 0; s < sets; ++s) {
        Registers registers(register_count);
        for (uint64_t i = 0; i < size; ++i) {
            make(first + s * size + i, item);
            add_register(registers.data(), Item(item.data(), item.size()).hash);
        }
        const double error = static_cast<double>(estimate_distinct(registers.data())) / static_cast<double>(size) - 1;
        e.mean += error / static_cast<double>(sets);
        e.rms += error * error / static_cast<double>(sets);
    }
    e.rms = std::sqrt(e.rms);
    return e;
}

// All sizes: at about 2.5 items per register, where estimators of two parts switch, and far beyond.
TEST(HyperLogLog, WithinOnePercent) {
    const struct {
        const char *name;
        MakeItem make;
        uint64_t first;
    } kinds[] = {{"text", text_item, 1}, {"bigint", bigint_item, 32000001}, {"uuid", uuid_item, 1}};
    for (const auto &kind : kinds) {
        double squares = 0;
        int sizes = 0;
        for (const uint64_t size :
             {1500u, 5000u, 12000u, 20000u, 30000u, 36000u, 40960u, 41000u, 46000u, 60000u, 100000u, 300000u, 1000000u}) {
            const Errors e = errors_of(kind.make, size, kind.first);
            const uint64_t sets = sets_of(size);
            EXPECT_LE(e.rms, limit_of(sets)) << kind.name << ' ' << size;
            EXPECT_LE(std::fabs(e.mean), 3 * 0.0082 / std::sqrt(static_cast<double>(sets))) << kind.name << ' ' << size;
            squares += e.rms * e.rms;
            ++sizes;
        }
        EXPECT_LE(std::sqrt(squares / sizes), tolerance) << kind.name;
    }
}

#ifndef TOPK_TEST_SMALL
TEST(HyperLogLog, FiveMillion) {
    const Errors text = errors_of(text_item, 5000000, 7), bigint = errors_of(bigint_item, 5000000, 32000001);
    EXPECT_LE(std::sqrt((text.rms * text.rms + bigint.rms * bigint.rms) / 2), limit_of(2 * sets_of(5000000)));
}
#endif

// A set for which an estimator of two parts returned 42,507.
TEST(HyperLogLog, AFormerBias) {
    Registers registers(register_count);
    std::string item;
    for (uint64_t i = 32000001; i <= 32041000; ++i) {
        bigint_item(i, item);
        add_register(registers.data(), Item(item.data(), item.size()).hash);
    }
    EXPECT_NEAR(static_cast<double>(estimate_distinct(registers.data())), 41000, 0.03 * 41000); // 3.7 standard errors
}

TEST(HyperLogLog, Ends) {
    Registers registers(register_count);
    EXPECT_EQ(estimate_distinct(registers.data()), 0);
    add_register(registers.data(), 0);
    EXPECT_EQ(registers[0], 19); // no bit of the other 18 is set
    EXPECT_EQ(estimate_distinct(registers.data()), 1);
    add_register(registers.data(), uint64_t{1} << 32);
    EXPECT_EQ(registers[0], 19);
    add_register(registers.data(), ~uint64_t{0});
    EXPECT_EQ(registers[register_count - 1], 1);
    EXPECT_EQ(estimate_distinct(registers.data()), 2);
    // If there are more items than 32 bits distinguish, the estimate is large and finite.
    EXPECT_GT(estimate_distinct(Registers(register_count, 19).data()), int64_t{1} << 32);
}

TEST(HyperLogLog, MergesAndRefuses) {
    Registers a(register_count), b(register_count), both(register_count);
    std::string item;
    for (uint64_t i = 0; i < 30000; ++i) {
        text_item(i, item);
        const uint64_t hash = Item(item.data(), item.size()).hash;
        if (i < 20000)
            add_register(a.data(), hash);
        if (i >= 10000)
            add_register(b.data(), hash);
        add_register(both.data(), hash);
    }
    merge_registers(a.data(), b.data());
    EXPECT_EQ(a, both);
    Registers bad(register_count);
    bad[77] = 20;
    EXPECT_THROW(merge_registers(a.data(), bad.data()), Error);
    EXPECT_THROW((void)estimate_distinct(bad.data()), Error);
}

} // namespace
} // namespace topk
