// API keys, their rights, and the token buckets that limit keys and addresses.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fault.h"

namespace gateway {

using Clock = std::chrono::steady_clock;

// A token bucket holds at most `burst` tokens, is full at first, and gets `rate` tokens per second. It serves one thread.
class TokenBucket {
public:
    TokenBucket(double rate, double burst, Clock::time_point now)
        : rate_(rate), burst_(burst), tokens_(burst), filled_(now) {}

    // Takes the tokens and returns 0, or takes none and returns the seconds until there are enough: infinity if there never
    // will be.
    double take(double tokens, Clock::time_point now);
    bool full(Clock::time_point now) const { return tokens(now) >= burst_; }

private:
    double tokens(Clock::time_point now) const;

    double rate_, burst_, tokens_;
    Clock::time_point filled_;
};

// A token bucket for each address, in bounded memory.
class AddressLimits {
public:
    static constexpr std::size_t max_addresses = 65'536;

    // A rate of 0 means no limit.
    AddressLimits(double rate, double burst) : rate_(rate), burst_(burst) {}

    std::optional<Fault> take(const std::string &address, double tokens, Clock::time_point now);

private:
    const double rate_, burst_;
    std::mutex mutex_;
    std::unordered_map<std::string, TokenBucket> buckets_;
};

enum class Right : unsigned { send = 1, ask = 2, metrics = 4 };

struct Key {
    std::string name; // in logs
    std::string role; // in the database
    unsigned rights = 0;
    double rate = 0; // tokens per second; 0 means no limit. A request takes 1, and each further event of its body 1
    double burst = 0;

    bool may(Right right) const { return rights & static_cast<unsigned>(right); }
    std::optional<Fault> take(double tokens, Clock::time_point now) const;

    struct Shared;
    std::shared_ptr<Shared> bucket;
};

// The keys of a key file (docs/gateway.md), which holds only their SHA-256 hashes.
class Keys {
public:
    // Throws std::runtime_error with the reason if the text is wrong.
    static Keys parse(std::string_view json);

    const Key *find(std::string_view secret) const;
    std::size_t size() const { return keys_.size(); }

private:
    std::unordered_map<std::string, Key> keys_; // by hash, 64 hexadecimal digits
};

std::string sha256(std::string_view text); // as 64 hexadecimal digits

} // namespace gateway
