// Requests and responses of the endpoints, independent of the HTTP library.
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
    std::string allow{}; // the methods that a 405 names
    bool asset = false;
};

Response respond(const Fault &fault);

struct Request {
    std::string method, target; // as they were sent
    std::string authorization, content_type, content_encoding;
    std::string address; // of the client, for limits
    std::string body;
    Clock::time_point start;

    // Set by Endpoints::admit()
    const struct Endpoint *endpoint = nullptr;
    const Key *key = nullptr; // nullptr if no keys are needed
    std::string item;
    Arguments arguments;

    std::string role() const { return key != nullptr ? key->role : std::string(); }
};

using Reply = std::function<void(Response)>;

// Decodes %41 and, in a query, +. Returns nothing if an escape is malformed, or the result is not UTF-8 or has a NUL.
std::optional<std::string> percent_decode(std::string_view text, bool query);

// Reads the arguments of a query. It is a fault if a name occurs twice, or a part cannot be decoded.
std::optional<Fault> read_query(std::string_view query, Arguments &arguments);

} // namespace gateway
