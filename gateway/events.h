// Reads bodies of events, which are untrusted JSON. The checks are so strict that PostgreSQL refuses an accepted event only
// because of the table itself: its constraints and column types. tests/gateway/fuzz passes arbitrary bytes to the reader.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fault.h"
#include "timestamp.h"

namespace gateway {

constexpr std::size_t max_events = 10'000;    // of a body
constexpr std::size_t max_item_bytes = 8'191; // the limit of a rollup
constexpr std::size_t max_source_bytes = 8'191;
constexpr std::size_t max_metadata_depth = 32; // nested objects and arrays

using EventId = std::array<std::uint8_t, 16>; // UUID, version 4

// The columns of a stream that take the fields of an event (docs/gateway.md).
struct Columns {
    std::string table;                      // quoted, with its schema
    std::string item_id, timestamp;         // quoted; never empty
    std::string source, metadata, event_id; // quoted; empty if there is no such column

    std::string list() const; // item_id, timestamp, ...
    bool operator==(const Columns &) const = default;
};

// The events of one body, as lines of COPY's text format.
struct Rows {
    std::string text;
    std::vector<EventId> ids;
    bool array = false; // the body was an array
};

// A reader serves one thread.
class EventReader {
public:
    EventReader();
    ~EventReader();

    // Appends padding to the body during the call. Events without a time get the time `received`.
    std::optional<Fault> read(std::string &body, const Columns &columns, Micros received, Rows &rows);

private:
    class Parser;
    std::unique_ptr<Parser> parser_;
};

void append(std::string &out, const EventId &id); // as 36 characters
EventId new_event_id();

} // namespace gateway
