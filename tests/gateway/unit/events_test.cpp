#include "../../../gateway/events.h"

#include <gtest/gtest.h>

#include <set>

namespace gateway {
namespace {

const Columns all{"public.views", "item_id", "ts", "source", "metadata", "event_id"};
const Columns least{"public.views", "item_id", "\"timestamp\"", "", "", ""};
constexpr Micros received = 1'772'359'200'000'000; // 2026-03-01 10:00 UTC

struct Read {
    std::optional<Fault> fault;
    Rows rows;
};

Read read(std::string body, const Columns &columns = least) {
    static EventReader reader;
    Read result;
    const std::string before = body;
    result.fault = reader.read(body, columns, received, result.rows);
    EXPECT_EQ(body, before); // the padding is gone
    return result;
}

std::string text_of(const EventId &id) {
    std::string text;
    append(text, id);
    return text;
}

std::string field_of(const std::string &body) {
    const Read result = read(body);
    return result.fault ? result.fault->field : "accepted";
}

TEST(Events, One) {
    const Read result = read(R"({"item_id": "a"})");
    ASSERT_FALSE(result.fault);
    EXPECT_EQ(result.rows.text, "a\t2026-03-01 10:00:00.000000+00\n");
    EXPECT_EQ(result.rows.ids.size(), 1u);
    EXPECT_FALSE(result.rows.array);
}

TEST(Events, ManyInTheirOrder) {
    const Read result = read(R"([{"item_id":"a"},{"item_id":"b","timestamp":"2026-03-01T12:00:00+02:00"}])");
    ASSERT_FALSE(result.fault);
    EXPECT_EQ(result.rows.text, "a\t2026-03-01 10:00:00.000000+00\nb\t2026-03-01 10:00:00.000000+00\n");
    EXPECT_TRUE(result.rows.array);
    EXPECT_NE(result.rows.ids[0], result.rows.ids[1]);
}

TEST(Events, AllColumns) {
    const Read result =
        read(R"({"metadata":{"a":"x\ty\\","n":[1.50,-0,1e3,true,null,{}]},"source":"s","item_id":"a"})", all);
    ASSERT_FALSE(result.fault);
    EXPECT_EQ(result.rows.text,
              "a\t2026-03-01 10:00:00.000000+00\ts\t{\"a\":\"x\\\\u0009y\\\\\\\\\",\"n\":[1.50,-0,1e3,true,null,{}]}\t" +
                  text_of(result.rows.ids[0]) + "\n");
    EXPECT_EQ(read(R"({"item_id":"a"})", all).rows.text.substr(0, 37), "a\t2026-03-01 10:00:00.000000+00\t\\N\t\\N");
    EXPECT_EQ(all.list(), "item_id, ts, source, metadata, event_id");
    EXPECT_EQ(least.list(), "item_id, \"timestamp\"");
}

TEST(Events, WhatCopyWouldMisread) {
    const auto copied = [](const std::string &json) { return read("{\"item_id\":\"" + json + "\"}").rows.text; };
    const std::string time = "\t2026-03-01 10:00:00.000000+00\n";
    EXPECT_EQ(copied(R"(a\tb\nc\rd\\)"), "a\\tb\\nc\\rd\\\\" + time);
    EXPECT_EQ(copied(R"(\\.)"), "\\\\." + time);
    EXPECT_EQ(copied(R"(\\N)"), "\\\\N" + time);
    EXPECT_EQ(copied(R"(\u0001\b\f\u007f)"), "\x01\b\f\x7f" + time);
}

TEST(Events, FieldsThatAreWrong) {
    EXPECT_EQ(field_of(""), "body");
    EXPECT_EQ(field_of("{"), "body");
    EXPECT_EQ(field_of("nix"), "body");
    EXPECT_EQ(field_of("5"), "body");
    EXPECT_EQ(field_of("[]"), "events");
    EXPECT_EQ(field_of("{}"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":5})"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":""})"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":null})"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":"a\u0000"})"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":"\ud800"})"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":"a","item_id":"b"})"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":"a","item\u005fid":"b"})"), "item_id");
    EXPECT_EQ(field_of(R"({"item_id":"a","source":[]})"), "source");
    EXPECT_EQ(field_of(R"({"item_id":"a","metadata":"{}"})"), "metadata");
    EXPECT_EQ(field_of(R"({"item_id":"a","timestamp":0})"), "timestamp");
    EXPECT_EQ(field_of(R"({"item_id":"a","x":1})"), "x");
    EXPECT_EQ(field_of(R"([{"item_id":"a"},[]])"), "events[1]");
    EXPECT_EQ(field_of(R"([{"item_id":"a"},{"item_id":"b","metadata":1},{}])"), "events[1].metadata");
    EXPECT_EQ(field_of(R"({"item_id":"a"}{"item_id":"b"})"), "body");
    EXPECT_EQ(field_of(R"({"item_id":"a"} x)"), "body");
    EXPECT_EQ(field_of(R"([{"item_id":"a"}])"
                       "\n"),
              "accepted");
    EXPECT_NE(field_of(R"([{"item_id":"a"} {"item_id":"b"}])"), "accepted");
    EXPECT_NE(field_of(R"([{"item_id":"a"},])"), "accepted");
    EXPECT_NE(field_of(R"({"item_id":"a",})"), "accepted");
    EXPECT_NE(field_of(R"({"item_id" "a"})"), "accepted");
    EXPECT_NE(field_of(R"({"item_id":"a","source":nul})"), "accepted");
    EXPECT_NE(field_of(R"({"item_id":"a","source":nullx})"), "accepted");
    EXPECT_NE(field_of("{\"item_id\":\"a\nb\"}"), "accepted");
    EXPECT_NE(field_of("{\"item_id\":\"\xff\"}"), "accepted");
    EXPECT_NE(field_of(std::string("{\"item_id\":\"a\"}\0", 16)), "accepted");
}

TEST(Events, Sizes) {
    const auto item = [](std::size_t n) { return field_of("{\"item_id\":\"" + std::string(n, 'a') + "\"}"); };
    EXPECT_EQ(item(max_item_bytes), "accepted");
    EXPECT_EQ(item(max_item_bytes + 1), "item_id");
    const auto many = [](std::size_t n) {
        std::string body = "[";
        for (std::size_t i = 0; i < n; ++i)
            body += std::string(i > 0 ? "," : "") + R"({"item_id":"a"})";
        return read(body + "]");
    };
    EXPECT_EQ(many(max_events).rows.ids.size(), max_events);
    EXPECT_EQ(many(max_events + 1).fault->status, 413);
}

TEST(Events, Metadata) {
    const auto of = [](const std::string &metadata) {
        return field_of("{\"item_id\":\"a\",\"metadata\":" + metadata + "}");
    };
    const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    EXPECT_EQ(of("{\"a\":" + nested(max_metadata_depth - 1) + "}"), "accepted");
    EXPECT_EQ(of("{\"a\":" + nested(max_metadata_depth) + "}"), "metadata");
    EXPECT_NE(of("{\"a\":" + nested(100'000) + "}"), "accepted");
    EXPECT_EQ(of(R"({"a":1,"a":2})"), "metadata");
    EXPECT_EQ(of(R"({"a":{"b":1,"\u0062":2}})"), "metadata");
    EXPECT_EQ(of(R"({"a":"\u0000"})"), "metadata");
    EXPECT_EQ(of(R"({"\u0000":1})"), "metadata");
    EXPECT_EQ(of(R"({"a":1e308})"), "accepted");
    EXPECT_EQ(of(R"({"a":1e309})"), "metadata");
    EXPECT_EQ(of(R"({"a":1e-999})"), "accepted");
    EXPECT_EQ(of(R"({"a":1e-20000})"), "metadata"); // numeric would overflow
    EXPECT_EQ(of("{\"a\":0." + std::string(1000, '1') + "}"), "metadata");
    EXPECT_EQ(of(R"({"a":01})"), "metadata");
    EXPECT_EQ(of(R"({"a":tru})"), "metadata");
    EXPECT_EQ(of("null"), "accepted");
}

TEST(Events, IdsAreUuids) {
    std::set<EventId> seen;
    for (int i = 0; i < 10'000; ++i) {
        const EventId id = new_event_id();
        EXPECT_EQ(id[6] >> 4, 4);
        EXPECT_EQ(id[8] >> 6, 2);
        seen.insert(id);
    }
    EXPECT_EQ(seen.size(), 10'000u);
    EXPECT_EQ(text_of(EventId{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8}),
              "12345678-9abc-def0-0102-030405060708");
}

TEST(Timestamp, Forms) {
    constexpr Micros second = 1'000'000;
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_timestamp("1970-01-01 00:00Z"), 0);
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:01.5-00:30"), 1801 * second + second / 2);
    EXPECT_EQ(parse_timestamp("1970-01-01T01:00:00+01"), 0);
    EXPECT_EQ(parse_timestamp("1970-01-01T05:30:00+0530"), 0);
    EXPECT_EQ(parse_timestamp("1969-12-31T23:59:59.999999Z"), -1);
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00.0000005Z"), 1);
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00.00000049Z"), 0);
    EXPECT_EQ(parse_timestamp("1970-01-01T24:00:00Z"), 86400 * second);
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:60Z"), 60 * second);
    EXPECT_TRUE(parse_timestamp("2024-02-29T00:00Z"));
    for (const char *text : {"",
                             "2026-02-29T00:00Z",
                             "2026-13-01T00:00Z",
                             "2026-00-01T00:00Z",
                             "2026-01-00T00:00Z",
                             "2026-01-01",
                             "2026-01-01T00:00",
                             "2026-01-01T00:00+16",
                             "2026-01-01T00:00+1",
                             "2026-01-01T00:00+01:",
                             "2026-01-01T00:00+01:0",
                             "2026-01-01T00:00z",
                             "0000-01-01T00:00Z",
                             "0001-01-01T00:00+01",
                             "9999-12-31T23:59:59.9999999Z",
                             "+2026-01-01T00:00Z",
                             "2026-01-01T00:00:00.Z",
                             "2026-01-01T00:00:00.1",
                             "2026-1-01T00:00Z",
                             "2026-01-01t00:00Z",
                             "2026-01-01T00:00ZZ",
                             "2026-01-01T24:00:00.1Z",
                             "2026-01-01T-1:00Z"})
        EXPECT_FALSE(parse_timestamp(text)) << text;
}

TEST(Timestamp, IsWrittenAsItWasRead) {
    for (const char *text : {"0001-01-01 00:00:00.000000+00", "9999-12-31 23:59:59.999999+00",
                             "1969-12-31 23:59:59.000001+00", "2026-03-01 10:00:00.250000+00"}) {
        std::string out;
        append_timestamp(out, *parse_timestamp(text));
        EXPECT_EQ(out, text);
    }
}

} // namespace
} // namespace gateway
