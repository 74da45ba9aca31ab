#include "growth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace topk {
namespace {

TEST(Growth, KnownValues) {
    EXPECT_EQ(growth_score(0, 0), 0);
    EXPECT_EQ(growth_score(7, 7), 0);
    EXPECT_NEAR(growth_score(3, 1), std::sqrt(2 * (3 * std::log(1.5) - std::log(2.0))), 1e-12);
    EXPECT_NEAR(growth_score(5, 0), std::sqrt(10 * std::log(2.0)), 1e-12);
    EXPECT_NEAR(growth_score(200, 100), 5.829220, 1e-6);
    EXPECT_NEAR(growth_score(1010000, 1000000), 7.053471, 1e-6);
}

TEST(Growth, SignAndOrder) {
    for (double a : {0.0, 0.5, 1.0, 3.0, 50.0, 1e6, 9e18})
        for (double b : {0.0, 0.5, 1.0, 3.0, 50.0, 1e6, 9e18}) {
            EXPECT_EQ(growth_score(a, b), -growth_score(b, a)) << a << ' ' << b;
            EXPECT_EQ(a > b, growth_score(a, b) > 0) << a << ' ' << b;
        }
    // The same growth is surer for large counts, and more growth is surer for the same counts.
    EXPECT_LT(growth_score(3, 1), growth_score(30, 10));
    EXPECT_LT(growth_score(30, 10), growth_score(31, 10));
}

// With the ratio of exposures, what grows as all traffic does has no score.
TEST(Growth, Exposure) {
    for (double exposure : {0.1, 1.0, 3.0, 1e6})
        for (double before : {1.0, 30.0, 1e9}) {
            EXPECT_NEAR(growth_score(before * exposure, before, exposure), 0, 1e-3) << exposure << ' ' << before;
            EXPECT_GT(growth_score(2 * before * exposure, before, exposure), 0) << exposure << ' ' << before;
            EXPECT_LT(growth_score(before * exposure / 2, before, exposure), 0) << exposure << ' ' << before;
        }
    EXPECT_NEAR(growth_score(60, 0, 3), std::sqrt(120 * std::log(4 / 3.0)), 1e-12);
    std::mt19937_64 random(2);
    std::poisson_distribution<int> now(60), before(20);
    int beyond = 0;
    for (int i = 0; i < 200000; ++i)
        beyond += growth_score(now(random), before(random), 3) > 2.326;
    EXPECT_NEAR(beyond / 200000.0, 0.01, 0.004);
}

// For counts that do not grow, scores are distributed as documented: one in a hundred is above 2.33, and one in a thousand
// above 3.09.
TEST(Growth, FalseAlarms) {
    std::mt19937_64 random(1);
    for (double mean : {5.0, 20.0, 1000.0}) {
        std::poisson_distribution<int> count(mean);
        constexpr int n = 200000;
        int beyond_2 = 0, beyond_3 = 0;
        for (int i = 0; i < n; ++i) {
            const double score = growth_score(count(random), count(random));
            beyond_2 += score > 2.326;
            beyond_3 += score > 3.090;
        }
        EXPECT_NEAR(beyond_2 / double{n}, 0.01, 0.004) << mean;
        EXPECT_LT(beyond_3 / double{n}, 0.0025) << mean;
    }
}

} // namespace
} // namespace topk
