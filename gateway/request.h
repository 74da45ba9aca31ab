// A request as the endpoints see it, and what they answer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fault.h"
#include "limits.h"
#include "questions.h"

namespace gateway {

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body{};
    double retry_after = 0;
    std::string allow{}; // methods, of a 405
    bool asset = false;
};

Response respond(const Fault &fault);

struct Request {
    std::string method, target; // as they were sent
    std::string authorization, content_type, content_encoding;
    std::string address; // of the client, for limits
    std::string body;
    Clock::time_point start;

    // Of the target, once it is known what it means
    const struct Endpoint *endpoint = nullptr;
    const Key *key = nullptr; // nullptr: there are no keys
    std::string item;
    Arguments arguments;

    std::string role() const { return key != nullptr ? key->role : std::string(); }
};

using Reply = std::function<void(Response)>;

// %41 and, in a query, + are undone. Nothing: an escape is none, or what comes out is not UTF-8 or has a NUL.
std::optional<std::string> percent_decode(std::string_view text, bool query);

// The arguments of a query, or the fault: one is there twice, or cannot be decoded.
std::optional<Fault> read_query(std::string_view query, Arguments &arguments);

} // namespace gateway
