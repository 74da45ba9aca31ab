#include "../../../gateway/limits.h"

#include <gtest/gtest.h>

#include <cmath>

#include "../../../gateway/request.h"

namespace gateway {
namespace {

using namespace std::chrono_literals;

TEST(TokenBucket, FullAtFirstThenAtItsRate) {
    auto now = Clock::now();
    TokenBucket bucket(10, 20, now);
    EXPECT_EQ(bucket.take(20, now), 0);
    EXPECT_DOUBLE_EQ(bucket.take(5, now), 0.5);
    EXPECT_EQ(bucket.take(5, now + 500ms), 0);
    EXPECT_GT(bucket.take(1, now + 500ms), 0);
    EXPECT_FALSE(bucket.full(now + 2499ms));
    EXPECT_TRUE(bucket.full(now + 2500ms));
}

TEST(TokenBucket, HoldsNoMoreThanItsBurst) {
    const auto now = Clock::now();
    TokenBucket bucket(10, 20, now);
    EXPECT_TRUE(std::isinf(bucket.take(20.5, now)));
    EXPECT_EQ(bucket.take(20, now + 1h), 0);
    EXPECT_GT(bucket.take(1, now + 1h), 0);
    EXPECT_GT(bucket.take(1, now), 0); // a clock of another thread, a little behind
}

TEST(AddressLimits, EachItsOwn) {
    const auto now = Clock::now();
    AddressLimits limits(1, 2);
    EXPECT_FALSE(limits.take("a", 2, now));
    EXPECT_EQ(limits.take("a", 1, now)->status, 429);
    EXPECT_GT(limits.take("a", 1, now)->retry_after, 0);
    EXPECT_FALSE(limits.take("b", 2, now));
    EXPECT_EQ(limits.take("c", 3, now)->status, 413);
    EXPECT_FALSE(AddressLimits(0, 1).take("a", 1e9, now));
}

TEST(AddressLimits, RememberBoundedlyMany) {
    const auto now = Clock::now();
    AddressLimits limits(1, 2);
    for (std::size_t i = 0; i < AddressLimits::max_addresses; ++i)
        ASSERT_FALSE(limits.take(std::to_string(i), 1, now));
    EXPECT_EQ(limits.take("one more", 1, now)->status, 429);
    EXPECT_FALSE(limits.take("one more", 1, now + 1s)); // the others are full again, and forgotten
}

const std::string hash = sha256("secret");

TEST(Keys, AreFoundByTheirHash) {
    EXPECT_EQ(hash, "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
    const Keys keys = Keys::parse(R"({"keys":[{"name":"web","sha256":")" + hash +
                                  R"(","role":"r","may":["send","ask"],"rate":2,"burst":3}]})");
    ASSERT_EQ(keys.size(), 1u);
    const Key *key = keys.find("secret");
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(key->role, "r");
    EXPECT_TRUE(key->may(Right::send));
    EXPECT_TRUE(key->may(Right::ask));
    EXPECT_FALSE(key->may(Right::metrics));
    EXPECT_EQ(keys.find("secret "), nullptr);
    EXPECT_EQ(keys.find(hash), nullptr);
    const auto now = Clock::now();
    EXPECT_FALSE(key->take(3, now));
    EXPECT_EQ(key->take(1, now)->status, 429);
    EXPECT_EQ(key->take(4, now)->status, 413);
}

TEST(Keys, FilesThatAreWrong) {
    const std::string right = R"({"name":"a","sha256":")" + hash + R"(","role":"r","may":["send"]})";
    EXPECT_NO_THROW(Keys::parse("{\"keys\":[" + right + "]}"));
    EXPECT_NO_THROW(Keys::parse("{\"keys\":[]}"));
    for (const std::string &text : std::vector<std::string>{
             "", "{}", "[]", "{\"keys\":[" + right + "," + right + "]}", "{\"keys\":[5]}",
             "{\"keys\":[{\"name\":\"a\",\"role\":\"r\",\"may\":[\"send\"]}]}", "{\"keys\":[" + right + "],\"more\":1}"})
        EXPECT_THROW(Keys::parse(text), std::runtime_error) << text;
    for (const auto &[from, to] :
         std::vector<std::pair<std::string, std::string>>{{hash, hash.substr(1)},
                                                          {hash, "SECRET" + hash.substr(6)},
                                                          {"\"r\"", "\"\""},
                                                          {"\"r\"", "5"},
                                                          {"\"send\"", "\"fly\""},
                                                          {"[\"send\"]", "[]"},
                                                          {"\"may\"", "\"may_not\""},
                                                          {"\"role\":\"r\"", "\"role\":\"r\",\"rate\":-1"},
                                                          {"\"role\":\"r\"", "\"role\":\"r\",\"rate\":\"1\""},
                                                          {"\"role\":\"r\"", "\"role\":\"r\",\"burst\":5"},
                                                          {"\"role\":\"r\"", "\"role\":\"r\",\"rate\":1,\"burst\":0.5"}}) {
        std::string wrong = right;
        wrong.replace(wrong.find(from), from.size(), to);
        EXPECT_THROW(Keys::parse("{\"keys\":[" + wrong + "]}"), std::runtime_error) << wrong;
    }
}

TEST(Request, PercentDecode) {
    EXPECT_EQ(percent_decode("a%20b%2Fc%c3%bc", false), "a b/cü");
    EXPECT_EQ(percent_decode("a+b", false), "a+b");
    EXPECT_EQ(percent_decode("a+b", true), "a b");
    EXPECT_EQ(percent_decode("", true), "");
    for (const char *text : {"%", "%2", "%zz", "%00", "%ff", "%c3", "%ed%a0%80"})
        EXPECT_FALSE(percent_decode(text, true)) << text;
}

TEST(Request, Query) {
    Arguments arguments;
    EXPECT_FALSE(read_query("a=1&b=%26&&c", arguments));
    EXPECT_EQ(arguments, (Arguments{{"a", "1"}, {"b", "&"}, {"c", ""}}));
    EXPECT_EQ(read_query("a=2", arguments)->field, "a");
    EXPECT_EQ(read_query("d=%ff", arguments)->field, "d");
    EXPECT_EQ(read_query("%ff=d", arguments)->field, "query");
}

TEST(Request, FaultsAsJson) {
    EXPECT_EQ(respond(Fault{400, "c", "f", "m"}).body, R"({"error":{"code":"c","field":"f","message":"m"}})");
    EXPECT_EQ(respond(Fault{400, "c", "", "\xff"}).body, "{\"error\":{\"code\":\"c\",\"message\":\"\xef\xbf\xbd\"}}");
}

} // namespace
} // namespace gateway
