// Times of events and questions, as text in ISO 8601 with an offset from UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

using Micros = std::int64_t; // since 1970-01-01 00:00 UTC

// Reads a time of the years 1 to 9999 such as 2026-03-01T10:00:00.25+01:00. Returns nothing if the offset is missing or
// PostgreSQL would refuse the text. Digits beyond microseconds are rounded.
std::optional<Micros> parse_timestamp(std::string_view text);

// Appends the time in the form 2026-03-01 09:00:00.250000+00.
void append_timestamp(std::string &out, Micros time);

Micros now();

} // namespace gateway
