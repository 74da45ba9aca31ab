// Bodies of any bytes: what is accepted is one line of COPY for each event, with as many columns, in UTF-8 without NUL.
#include "../../../gateway/events.h"

#include <cstdlib>

#include <simdjson.h>

using namespace gateway;

namespace {

void require(bool holds) {
    if (!holds)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size) {
    static EventReader reader;
    static const Columns columns{"t", "item_id", "ts", "source", "metadata", "event_id"};
    std::string body(reinterpret_cast<const char *>(data), size);
    const std::string before = body;
    Rows rows;
    const auto fault = reader.read(body, columns, 0, rows);
    require(body == before);
    if (fault) {
        require(fault->status == 400 || fault->status == 413);
        require(!fault->message.empty() && simdjson::validate_utf8(fault->message) && simdjson::validate_utf8(fault->field));
        return 0;
    }
    require(!rows.ids.empty() && rows.ids.size() <= max_events);
    require(simdjson::validate_utf8(rows.text) && rows.text.find('\0') == std::string::npos && rows.text.back() == '\n');
    std::size_t lines = 0, tabs = 0;
    for (std::size_t i = 0; i < rows.text.size(); ++i) {
        const char c = rows.text[i];
        tabs += c == '\t';
        if (c == '\\') {
            ++i; // whatever is escaped
            require(std::string_view("\\nrtN").find(rows.text[i]) != std::string_view::npos);
        } else if (c == '\n') {
            ++lines;
            require(tabs == 4 * lines);
        }
        require(c != '\r');
    }
    require(lines == rows.ids.size());
    return 0;
}
