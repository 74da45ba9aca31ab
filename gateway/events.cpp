#include "events.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <simdjson.h>

namespace gateway {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

// Appends a value in COPY's text format, which gives backslashes, tabs and ends of lines a meaning.
void append_copy(std::string &out, std::string_view text) {
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (static_cast<unsigned char>(c) > '\r' && c != '\\') [[likely]]
            continue;
        const char *escaped = c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : nullptr;
        if (escaped == nullptr)
            continue;
        out.append(text, done, i - done).append(escaped);
        done = i + 1;
    }
    out.append(text, done);
}

void append_json_string(std::string &out, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\')
            (out += '\\') += c;
        else if (static_cast<unsigned char>(c) < 0x20)
            ((out += "\\u00") += digits[c >> 4]) += digits[c & 15];
        else
            out += c;
    }
    out += '"';
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Returns whether jsonb can hold a number. simdjson has checked its range; its length and exponent are left.
bool fits_numeric(std::string_view token) {
    if (token.size() > 400)
        return false;
    const auto e = token.find_first_of("eE");
    if (e == std::string_view::npos)
        return true;
    const auto digits = token.find_first_not_of("+-0", e + 1);
    return digits == std::string_view::npos || token.size() - digits <= 3;
}

std::string_view trimmed(std::string_view token) {
    const auto last = token.find_last_not_of(" \t\r\n");
    return token.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string_view kind_of(ondemand::json_type type) {
    switch (type) {
        case ondemand::json_type::array: return "array";
        case ondemand::json_type::object: return "object";
        case ondemand::json_type::number: return "number";
        case ondemand::json_type::string: return "string";
        case ondemand::json_type::boolean: return "boolean";
        case ondemand::json_type::null: return "null";
        default: return "something else"; // simdjson 4 has json_type::unknown
    }
}

// Metadata is written anew from the parsed values, so that the output is valid JSON for any input. Returns the error, or
// nullptr.
const char *rewrite(ondemand::value value, std::string &out, std::size_t depth);

const char *rewrite_object(ondemand::object object, std::string &out, std::size_t depth) {
    std::vector<std::string_view> keys;
    out += '{';
    for (auto field : object) {
        std::string_view key;
        ondemand::value value;
        if (field.unescaped_key().get(key) || field.value().get(value))
            return "is not valid JSON";
        if (has_nul(key))
            return "must not contain the character U+0000";
        keys.push_back(key);
        if (keys.size() > 1)
            out += ',';
        append_json_string(out, key);
        out += ':';
        if (const char *wrong = rewrite(value, out, depth))
            return wrong;
    }
    out += '}';
    std::sort(keys.begin(), keys.end());
    return std::adjacent_find(keys.begin(), keys.end()) == keys.end() ? nullptr : "has a key twice";
}

const char *rewrite_array(ondemand::array array, std::string &out, std::size_t depth) {
    bool first = true;
    out += '[';
    for (auto element : array) {
        ondemand::value value;
        if (element.get(value))
            return "is not valid JSON";
        if (!first)
            out += ',';
        first = false;
        if (const char *wrong = rewrite(value, out, depth))
            return wrong;
    }
    out += ']';
    return nullptr;
}

const char *rewrite(ondemand::value value, std::string &out, std::size_t depth) {
    constexpr const char *broken = "is not valid JSON";
    ondemand::json_type type;
    if (value.type().get(type))
        return broken;
    switch (type) {
        case ondemand::json_type::object: {
            ondemand::object object;
            if (depth == 0)
                return "is nested too deeply";
            return value.get_object().get(object) ? broken : rewrite_object(object, out, depth - 1);
        }
        case ondemand::json_type::array: {
            ondemand::array array;
            if (depth == 0)
                return "is nested too deeply";
            return value.get_array().get(array) ? broken : rewrite_array(array, out, depth - 1);
        }
        case ondemand::json_type::string: {
            std::string_view text;
            if (value.get_string().get(text))
                return broken;
            if (has_nul(text))
                return "must not contain the character U+0000";
            append_json_string(out, text);
            return nullptr;
        }
        case ondemand::json_type::number: {
            const std::string_view token = trimmed(value.raw_json_token());
            double number;
            if (value.get_double().get(number) || !fits_numeric(token))
                return "has a number that is not valid or too large";
            out += token;
            return nullptr;
        }
        case ondemand::json_type::boolean: {
            bool boolean;
            if (value.get_bool().get(boolean))
                return broken;
            out += boolean ? "true" : "false";
            return nullptr;
        }
        case ondemand::json_type::null:
            if (!value.is_null())
                return broken;
            out += "null";
            return nullptr;
        default: return broken; // simdjson 4 has json_type::unknown
    }
}

Fault not_json(error_code error, const std::string &field = "body") {
    if (error == simdjson::UTF8_ERROR)
        return invalid(field, "must be UTF-8");
    return invalid(field, "is not valid JSON");
}

// Reads a string field; null, if it is allowed, leaves text empty.
std::optional<Fault> read_string(ondemand::value value, const std::string &field, bool may_be_null,
                                 std::optional<std::string_view> &text) {
    ondemand::json_type type;
    if (const auto error = value.type().get(type))
        return not_json(error, field);
    if (type == ondemand::json_type::null && may_be_null) {
        return value.is_null() ? std::nullopt : std::optional(not_json(simdjson::N_ATOM_ERROR, field));
    }
    if (type != ondemand::json_type::string)
        return invalid(field, "must be a string, not " + std::string(kind_of(type)));
    std::string_view found;
    if (const auto error = value.get_string().get(found))
        return not_json(error, field);
    if (has_nul(found))
        return invalid(field, "must not contain the character U+0000");
    text = found;
    return {};
}

// Cuts a name or value of the client for a message.
std::string shortened(std::string_view text) {
    std::size_t size = std::min<std::size_t>(text.size(), 50);
    while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
        --size; // cut between two characters
    return std::string(text.substr(0, size));
}

} // namespace

class EventReader::Parser {
public:
    std::optional<Fault> read(std::string &body, const Columns &columns, Micros received, Rows &rows);

private:
    struct Event {
        std::optional<std::string_view> item_id, timestamp, source;
        bool has_metadata = false;
        Micros time = 0;
    };

    std::optional<Fault> read_document(ondemand::document &document, const Columns &columns, Micros received, Rows &rows);
    std::optional<Fault> read_event(ondemand::value value, const std::string &prefix, Event &event);
    std::optional<Fault> append(ondemand::value value, const std::string &prefix, const Columns &columns, Micros received,
                                Rows &rows);

    ondemand::parser parser_;
    std::string metadata_; // of the event that is being read
};

EventReader::EventReader() : parser_(std::make_unique<Parser>()) {}
EventReader::~EventReader() = default;

std::optional<Fault> EventReader::read(std::string &body, const Columns &columns, Micros received, Rows &rows) {
    return parser_->read(body, columns, received, rows);
}

std::string Columns::list() const {
    std::string list = item_id + ", " + timestamp;
    for (const auto *column : {&source, &metadata, &event_id})
        if (!column->empty())
            list += ", " + *column;
    return list;
}

std::optional<Fault> EventReader::Parser::read_event(ondemand::value value, const std::string &prefix, Event &event) {
    const auto field_name = [&](std::string_view name) {
        return prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
    };
    ondemand::json_type type;
    if (const auto error = value.type().get(type))
        return not_json(error, prefix.empty() ? "body" : prefix);
    if (type != ondemand::json_type::object)
        return invalid(prefix.empty() ? "body" : prefix, "must be an object, not " + std::string(kind_of(type)));
    ondemand::object object;
    if (const auto error = value.get_object().get(object))
        return not_json(error, prefix.empty() ? "body" : prefix);

    enum : unsigned { item_id = 1, timestamp = 2, source = 4, metadata = 8 };
    unsigned seen = 0;
    for (auto field : object) {
        std::string_view key;
        ondemand::value content;
        if (const auto error = field.unescaped_key().get(key))
            return not_json(error, prefix.empty() ? "body" : prefix);
        if (const auto error = field.value().get(content))
            return not_json(error, prefix.empty() ? "body" : prefix);
        unsigned known = 0;
        if (key == "item_id")
            known = item_id;
        else if (key == "timestamp")
            known = timestamp;
        else if (key == "source")
            known = source;
        else if (key == "metadata")
            known = metadata;
        else
            return invalid(field_name(shortened(key)), "unknown field");
        const auto name = [&] { return field_name(key); };
        if (seen & known)
            return invalid(name(), "is there twice");
        seen |= known;

        std::optional<Fault> fault;
        if (known == item_id) {
            fault = read_string(content, name(), false, event.item_id);
            if (!fault && event.item_id->empty())
                fault = invalid(name(), "must not be empty");
            else if (!fault && event.item_id->size() > max_item_bytes)
                fault = invalid(name(), "must not have more than 8191 bytes");
        } else if (known == source) {
            fault = read_string(content, name(), true, event.source);
            if (!fault && event.source && event.source->size() > max_source_bytes)
                fault = invalid(name(), "must not have more than 8191 bytes");
        } else if (known == timestamp) {
            fault = read_string(content, name(), true, event.timestamp);
            if (!fault && event.timestamp) {
                const auto time = parse_timestamp(*event.timestamp);
                if (!time)
                    fault = invalid(name(),
                                    "must be a time in ISO 8601 with an offset from UTC, like 2026-03-01T10:00:00Z, not \"" +
                                        shortened(*event.timestamp) + "\"");
                else
                    event.time = *time;
            }
        } else {
            if (const auto error = content.type().get(type))
                return not_json(error, name());
            if (type == ondemand::json_type::null) {
                if (!content.is_null())
                    fault = not_json(simdjson::N_ATOM_ERROR, name());
            } else if (type != ondemand::json_type::object) {
                fault = invalid(name(), "must be an object, not " + std::string(kind_of(type)));
            } else {
                metadata_.clear();
                if (const char *wrong = rewrite(content, metadata_, max_metadata_depth))
                    fault = invalid(name(), wrong);
                event.has_metadata = true;
            }
        }
        if (fault)
            return fault;
    }
    if (!event.item_id)
        return invalid(field_name("item_id"), "missing");
    return {};
}

std::optional<Fault> EventReader::Parser::append(ondemand::value value, const std::string &prefix, const Columns &columns,
                                                 Micros received, Rows &rows) {
    Event event;
    if (auto fault = read_event(value, prefix, event))
        return fault;
    const EventId id = new_event_id();
    auto &out = rows.text;
    append_copy(out, *event.item_id);
    out += '\t';
    append_timestamp(out, event.timestamp ? event.time : received);
    if (!columns.source.empty()) {
        out += '\t';
        event.source ? append_copy(out, *event.source) : static_cast<void>(out += "\\N");
    }
    if (!columns.metadata.empty()) {
        out += '\t';
        event.has_metadata ? append_copy(out, metadata_) : static_cast<void>(out += "\\N");
    }
    if (!columns.event_id.empty())
        gateway::append(out += '\t', id);
    out += '\n';
    rows.ids.push_back(id);
    return {};
}

std::optional<Fault> EventReader::Parser::read_document(ondemand::document &document, const Columns &columns,
                                                        Micros received, Rows &rows) {
    ondemand::json_type type;
    if (const auto error = document.type().get(type))
        return not_json(error);
    if (type == ondemand::json_type::object) {
        ondemand::value value;
        if (const auto error = document.get_value().get(value))
            return not_json(error);
        if (auto fault = append(value, "", columns, received, rows))
            return fault;
    } else if (type == ondemand::json_type::array) {
        ondemand::array array;
        if (const auto error = document.get_array().get(array))
            return not_json(error);
        rows.array = true;
        std::string prefix;
        for (auto element : array) {
            prefix = "events[" + std::to_string(rows.ids.size()) + "]";
            ondemand::value value;
            if (const auto error = element.get(value))
                return not_json(error, prefix);
            if (rows.ids.size() == max_events)
                return Fault{413, "too_many_events", "events", "a body must not have more than 10000 events"};
            if (auto fault = append(value, prefix, columns, received, rows))
                return fault;
        }
        if (rows.ids.empty())
            return invalid("events", "must have 1 to 10000 elements");
    } else {
        return invalid("body", "must be an event or an array of events, not " + std::string(kind_of(type)));
    }
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
        return invalid("body", "has something after its end");
    return {};
}

std::optional<Fault> EventReader::Parser::read(std::string &body, const Columns &columns, Micros received, Rows &rows) {
    const std::size_t size = body.size();
    if (size == 0)
        return invalid("body", "is empty");
    body.append(simdjson::SIMDJSON_PADDING, '\0');
    rows.text.reserve(size);
    std::optional<Fault> fault;
    try {
        ondemand::document document;
        if (const auto error = parser_.iterate(body.data(), size, body.size()).get(document))
            fault = not_json(error);
        else
            fault = read_document(document, columns, received, rows);
    } catch (const simdjson::simdjson_error &error) { // iterators throw
        fault = not_json(error.error());
    }
    body.resize(size);
    return fault;
}

void append(std::string &out, const EventId &id) {
    constexpr char digits[] = "0123456789abcdef";
    char text[36], *end = text;
    for (std::size_t i = 0; i < id.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *end++ = '-';
        *end++ = digits[id[i] >> 4];
        *end++ = digits[id[i] & 15];
    }
    out.append(text, sizeof text);
}

EventId new_event_id() {
    thread_local std::array<EventId, 256> ready;
    thread_local std::size_t left = 0;
    if (left == 0) {
        auto *bytes = reinterpret_cast<unsigned char *>(ready.data());
        for (std::size_t done = 0; done < sizeof ready;) {
            const auto got = getrandom(bytes + done, sizeof ready - done, 0);
            if (got < 0 && errno != EINTR)
                throw std::runtime_error("getrandom failed");
            done += got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        left = ready.size();
    }
    EventId id = ready[--left];
    id[6] = static_cast<std::uint8_t>((id[6] & 0x0F) | 0x40);
    id[8] = static_cast<std::uint8_t>((id[8] & 0x3F) | 0x80);
    return id;
}

} // namespace gateway
