// Bodies of events: JSON from anybody, checked so that PostgreSQL refuses none of what is accepted here, but for what the
// table itself says. tests/gateway/fuzz feeds it bytes of any kind.
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
constexpr std::size_t max_item_bytes = 8'191; // what a rollup takes
constexpr std::size_t max_source_bytes = 8'191;
constexpr std::size_t max_metadata_depth = 32; // of objects and arrays in each other

using EventId = std::array<std::uint8_t, 16>; // UUID, version 4

// Which columns of a stream take the fields of an event (docs/gateway.md).
struct Columns {
    std::string table;                      // quoted, with its schema
    std::string item_id, timestamp;         // quoted; never empty
    std::string source, metadata, event_id; // quoted; empty: there is none

    std::string list() const; // item_id, timestamp, ...
    bool operator==(const Columns &) const = default;
};

// The events of one body, as lines of COPY's text format.
struct Rows {
    std::string text;
    std::vector<EventId> ids;
    bool array = false; // the body was an array
};

// Reads bodies one after another; not for two threads at once.
class EventReader {
public:
    EventReader();
    ~EventReader();

    // Makes the body longer for the time of the call. `received` is the time of events without one.
    std::optional<Fault> read(std::string &body, const Columns &columns, Micros received, Rows &rows);

private:
    class Parser;
    std::unique_ptr<Parser> parser_;
};

std::string to_string(const EventId &id);
EventId new_event_id();

} // namespace gateway
