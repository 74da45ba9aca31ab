// The files that are linked into the program: the page, and the description of the API.
#pragma once

#include <string_view>

namespace gateway {

struct Asset {
    std::string_view path, content_type, content;
};

// Returns nullptr if there is no file at this path.
const Asset *find_asset(std::string_view path);

// Allows nothing from other hosts, nothing inline, and no frames.
constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

} // namespace gateway
