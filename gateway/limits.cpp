#include "limits.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace gateway {
namespace {

Fault too_many(double wait, const char *whose) {
    if (std::isinf(wait))
        return {413, "too_many_events", "events",
                std::string("the body has more events than the burst of ") + whose + " ever allows"};
    return {429, "rate_limited", {}, std::string("too many requests or events for the rate of ") + whose, wait};
}

} // namespace

struct Key::Shared {
    explicit Shared(const TokenBucket &full) : tokens(full) {}

    std::mutex mutex;
    TokenBucket tokens;
};

double TokenBucket::tokens(Clock::time_point now) const {
    return std::min(burst_,
                    tokens_ + rate_ * std::chrono::duration<double>(std::max(now - filled_, Clock::duration(0))).count());
}

double TokenBucket::take(double tokens, Clock::time_point now) {
    if (tokens > burst_)
        return std::numeric_limits<double>::infinity();
    const double held = this->tokens(now);
    if (tokens > held)
        return (tokens - held) / rate_;
    tokens_ = held - tokens;
    filled_ = std::max(filled_, now);
    return 0;
}

std::optional<Fault> AddressLimits::take(const std::string &address, double tokens, Clock::time_point now) {
    if (rate_ == 0)
        return {};
    const std::lock_guard lock(mutex_);
    auto found = buckets_.find(address);
    if (found == buckets_.end()) {
        // A full bucket limits no more than a new one.
        if (buckets_.size() >= max_addresses)
            std::erase_if(buckets_, [&](const auto &entry) { return entry.second.full(now); });
        if (buckets_.size() >= max_addresses)
            return too_many(1, "all addresses together");
        found = buckets_.emplace(address, TokenBucket(rate_, burst_, now)).first;
    }
    const double wait = found->second.take(tokens, now);
    return wait == 0 ? std::nullopt : std::optional(too_many(wait, "this address"));
}

std::optional<Fault> Key::take(double tokens, Clock::time_point now) const {
    if (!bucket)
        return {};
    const std::lock_guard lock(bucket->mutex);
    const double wait = bucket->tokens.take(tokens, now);
    return wait == 0 ? std::nullopt : std::optional(too_many(wait, "this key"));
}

namespace {

double number_of(const nlohmann::json &key, const char *name, double otherwise, const std::string &where) {
    if (!key.contains(name))
        return otherwise;
    const auto &value = key[name];
    if (!value.is_number() || !(value.get<double>() > 0))
        throw std::runtime_error(where + "." + name + ": must be a number above 0");
    return value.get<double>();
}

std::string text_of(const nlohmann::json &key, const char *name, const std::string &where) {
    if (!key.contains(name) || !key[name].is_string() || key[name].get<std::string>().empty())
        throw std::runtime_error(where + "." + name + ": must be a string");
    return key[name];
}

Key read_key(const nlohmann::json &entry, const std::string &where) {
    if (!entry.is_object())
        throw std::runtime_error(where + ": must be an object");
    for (const auto &[name, value] : entry.items())
        if (name != "name" && name != "sha256" && name != "role" && name != "may" && name != "rate" && name != "burst")
            throw std::runtime_error(where + "." + name + ": unknown field");
    Key key;
    key.name = text_of(entry, "name", where);
    key.role = text_of(entry, "role", where);
    if (!entry.contains("may") || !entry["may"].is_array() || entry["may"].empty())
        throw std::runtime_error(where + ".may: must be an array of \"send\", \"ask\", \"metrics\"");
    for (const auto &right : entry["may"]) {
        if (right == "send")
            key.rights |= static_cast<unsigned>(Right::send);
        else if (right == "ask")
            key.rights |= static_cast<unsigned>(Right::ask);
        else if (right == "metrics")
            key.rights |= static_cast<unsigned>(Right::metrics);
        else
            throw std::runtime_error(where + ".may: must be an array of \"send\", \"ask\", \"metrics\"");
    }
    key.rate = number_of(entry, "rate", 0, where);
    key.burst = number_of(entry, "burst", std::max(1.0, key.rate), where);
    if (key.rate == 0 && entry.contains("burst"))
        throw std::runtime_error(where + ".burst: needs a rate");
    if (key.burst < 1)
        throw std::runtime_error(where + ".burst: must be at least 1");
    if (key.rate > 0)
        key.bucket = std::make_shared<Key::Shared>(TokenBucket(key.rate, key.burst, Clock::now()));
    return key;
}

} // namespace

Keys Keys::parse(std::string_view json) {
    nlohmann::json document;
    try {
        document = nlohmann::json::parse(json);
    } catch (const nlohmann::json::exception &) {
        throw std::runtime_error("is not valid JSON");
    }
    if (!document.is_object() || document.size() != 1 || !document.contains("keys") || !document["keys"].is_array())
        throw std::runtime_error("must be {\"keys\": [...]}");
    Keys keys;
    for (std::size_t i = 0; i < document["keys"].size(); ++i) {
        const auto where = "keys[" + std::to_string(i) + "]";
        const auto &entry = document["keys"][i];
        Key key = read_key(entry, where);
        const std::string hash = text_of(entry, "sha256", where);
        if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != std::string::npos)
            throw std::runtime_error(where + ".sha256: must be 64 hexadecimal digits in lower case");
        for (const auto &[other, known] : keys.keys_)
            if (other == hash || known.name == key.name)
                throw std::runtime_error(where + ": has the name or the hash of another key");
        keys.keys_.emplace(hash, std::move(key));
    }
    return keys;
}

// The time of the lookup depends on the hash, which nobody can choose, so it gives no hint about a key.
const Key *Keys::find(std::string_view secret) const {
    const auto found = keys_.find(sha256(secret));
    return found == keys_.end() ? nullptr : &found->second;
}

std::string sha256(std::string_view text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("SHA-256 failed");
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned i = 0; i < size; ++i)
        (hex += digits[digest[i] >> 4]) += digits[digest[i] & 15];
    return hex;
}

} // namespace gateway
