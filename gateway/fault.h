// The reason why a request is refused. The client reads it as {"error": {"code", "field", "message"}}.
#pragma once

#include <string>
#include <utility>

namespace gateway {

struct Fault {
    int status;             // HTTP status
    std::string code;       // for programs
    std::string field;      // the wrong field of the request, such as events[3].item_id; may be empty
    std::string message;    // for people
    double retry_after = 0; // seconds; 0 if it is not known
};

inline Fault invalid(std::string field, std::string message) {
    return {400, "invalid_request", std::move(field), std::move(message)};
}
inline Fault unavailable(std::string code, std::string message, double retry_after = 1) {
    return {503, std::move(code), {}, std::move(message), retry_after};
}

} // namespace gateway
