// Event streams with known properties, for tests and benchmarks. All are reproducible from their seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>

namespace streams {

// SplitMix64: small, and the same on every platform (unlike <random>'s distributions).
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // Uniform in [0, n).
    uint64_t below(uint64_t n) { return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64); }
    double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

private:
    uint64_t state_;
};

// Zipf ranks 1..n with exponent s, by rejection-inversion (Hoermann and Derflinger, "Rejection-inversion to generate
// variates from monotone discrete distributions", ACM TOMACS 1996).
class Zipf {
public:
    Zipf(uint64_t n, double s) : n_(static_cast<double>(n)), s_(s) {
        low_ = integral(1.5) - 1.0;
        high_ = integral(n_ + 0.5);
        accept_ = 2.0 - inverse(integral(2.5) - std::pow(2.0, -s_));
    }
    uint64_t operator()(Random &random) const {
        for (;;) {
            const double u = high_ + random.unit() * (low_ - high_);
            const double x = inverse(u);
            double k = std::floor(x + 0.5);
            k = k < 1 ? 1 : k > n_ ? n_ : k;
            if (k - x <= accept_ || u >= integral(k + 0.5) - std::pow(k, -s_))
                return static_cast<uint64_t>(k);
        }
    }

private:
    double integral(double x) const {
        const double l = std::log(x);
        return helper((1 - s_) * l) * l;
    }
    double inverse(double x) const {
        double t = x * (1 - s_);
        t = t < -1 ? -1 : t;
        return std::exp(helper_inverse(t) * x);
    }
    static double helper(double x) { return std::fabs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2 * (1 + x / 3); }
    static double helper_inverse(double x) { return std::fabs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2 * (1 - x / 1.5); }

    double n_, s_, low_, high_, accept_;
};

// Returns event `at` of a drifting stream. A tenth of all events are items that occur once. In the first half, 1,500 old
// items have the rest; in the second half, 100 new items take a fifth of the events from them (10,000 each of 10 million).
inline uint64_t drift(Random &random, uint64_t at, uint64_t events) {
    const uint64_t turn = random.below(10);
    if (turn == 0)
        return 30000000 + at;
    if (at >= events / 2 && turn <= 2)
        return 20000000 + random.below(100);
    return 10000000 + random.below(1500);
}

} // namespace streams
