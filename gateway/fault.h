// Why a request is refused: what its client reads as {"error": {"code", "field", "message"}}.
#pragma once

#include <string>
#include <utility>

namespace gateway {

struct Fault {
    int status;             // of HTTP
    std::string code;       // for programs
    std::string field;      // of the request that is wrong, as in events[3].item_id; empty: none
    std::string message;    // for people
    double retry_after = 0; // seconds; 0: nothing is said of it
};

inline Fault invalid(std::string field, std::string message) {
    return {400, "invalid_request", std::move(field), std::move(message)};
}
inline Fault unavailable(std::string code, std::string message, double retry_after = 1) {
    return {503, std::move(code), {}, std::move(message), retry_after};
}

} // namespace gateway
