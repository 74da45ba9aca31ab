// Bundles: golden bytes, round trips of random counts, one group read alone, nothing else is let in.
#include "bundle.h"
#include "hex.h"
#include "sketch.h"

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "streams.h"

namespace {

using namespace support;
using topk::Bundle;
using topk::Errc;
using topk::ItemView;
using topk::Kind;

struct Counted {
    uint64_t events = 0;
    std::map<std::string, uint64_t> weights;
    bool operator==(const Counted &) const = default;
};
using Groups = std::map<std::string, Counted>; // by key

ItemView view(const std::string &s) {
    return {reinterpret_cast<const uint8_t *>(s.data()), static_cast<uint32_t>(s.size())};
}
std::string text(const ItemView &v) { return std::string(reinterpret_cast<const char *>(v.data), v.length); }

std::string key(std::initializer_list<const char *> values) {
    std::string k;
    for (const char *value : values)
        k += value == nullptr ? std::string(1, '\0') : static_cast<char>(strlen(value) + 1) + std::string(value);
    return k;
}

struct ByValue {
    bool bigint;
    bool operator()(const std::string &a, const std::string &b) const {
        if (!bigint)
            return topk::compare_bytes(view(a).data, view(a).length, view(b).data, view(b).length) < 0;
        return static_cast<int64_t>(topk::load_bigint(view(a).data)) < static_cast<int64_t>(topk::load_bigint(view(b).data));
    }
};

Bytes write(const Groups &groups, Kind kind = Kind::text, uint32_t values = 1) {
    std::set<std::string, ByValue> names(ByValue{kind == Kind::bigint});
    for (const auto &[k, group] : groups)
        for (const auto &[item, weight] : group.weights)
            names.insert(item);
    names.insert(kind == Kind::bigint ? std::string(8, '\1') : "zz unused"); // a bundle leaves out what no group has
    std::vector<ItemView> items;
    std::map<std::string, uint32_t> position;
    for (const std::string &name : names) {
        position[name] = static_cast<uint32_t>(items.size());
        items.push_back(view(name));
    }
    std::vector<std::vector<Bundle::Count>> counts;
    std::vector<Bundle::CountedGroup> counted;
    for (const auto &[k, group] : groups) {
        counts.emplace_back();
        for (const std::string &name : names)
            if (group.weights.count(name) != 0)
                counts.back().push_back({position[name], group.weights.at(name)});
        counted.push_back({view(k), group.events, counts.back().data(), static_cast<uint32_t>(counts.back().size())});
    }
    const Bundle::Content content = {kind,           values,
                                     items.data(),   static_cast<uint32_t>(items.size()),
                                     counted.data(), static_cast<uint32_t>(counted.size())};
    std::vector<uint32_t> scratch(items.size());
    Bytes out(Bundle::bound(content, scratch.data()));
    const size_t size = Bundle::write(content, scratch.data(), out.data());
    EXPECT_LE(size, out.size());
    out.resize(size);
    EXPECT_EQ(scratch, std::vector<uint32_t>(items.size()));
    return out;
}

Counted counted(const Bundle &bundle, const std::vector<ItemView> &items, const Bundle::Group &group) {
    Counted found = {group.events, {}};
    Bundle::Count counts[3];
    Bundle::Counts list(bundle, group);
    while (const uint32_t n = list.next(counts, 3))
        for (uint32_t i = 0; i < n; ++i)
            found.weights[text(items[counts[i].item])] = counts[i].weight;
    return found;
}

// The same of a group whose items are read alone.
Counted listed(const Bundle &bundle, const Bundle::Group &group) {
    std::vector<topk::WeightedItem> list(group.list_length);
    Bytes memory(bundle.item_bytes());
    list.resize(bundle.read_list(group, list.data(), memory.data()));
    Counted found = {group.events, {}};
    for (const topk::WeightedItem &item : list)
        found.weights[text({item.data, item.length})] += item.weight;
    EXPECT_EQ(found.weights.size(), list.size());
    return found;
}

// Reads everything, and each group by itself; both and the sum must agree.
Groups read(const Bytes &bytes) {
    Bundle::validate(bytes.data(), bytes.size());
    const Bundle bundle(bytes.data(), bytes.size());
    std::vector<ItemView> items(bundle.item_count());
    std::vector<Bundle::Group> groups(bundle.group_count());
    Bytes memory(bundle.item_bytes() + bundle.key_bytes() + 1);
    bundle.read_items(items.data(), memory.data());
    bundle.read_groups(groups.data(), memory.data() + bundle.item_bytes());
    Groups all;
    std::map<std::string, uint64_t> sums;
    uint64_t total = 0;
    for (const Bundle::Group &group : groups) {
        const Counted &found = all[text(group.key)] = counted(bundle, items, group);
        for (const auto &[item, weight] : found.weights) {
            sums[item] += weight;
            total += weight;
        }
        Bundle::Group alone;
        EXPECT_TRUE(bundle.find_group(group.key, &alone));
        EXPECT_EQ(counted(bundle, items, alone), found);
        EXPECT_EQ(listed(bundle, alone), found);
    }
    EXPECT_EQ(total, bundle.total());
    std::vector<Bundle::GroupCount> counts(bytes.size());
    counts.resize(bundle.read_counts(groups.data(), counts.data()));
    Groups by_counts;
    for (const Bundle::Group &group : groups)
        by_counts[text(group.key)].events = group.events;
    for (const Bundle::GroupCount &count : counts)
        by_counts[text(groups[count.group].key)].weights[text(items[count.item])] = count.weight;
    EXPECT_EQ(by_counts, all);
    std::vector<uint64_t> weights(bundle.item_count());
    bundle.read_weights(weights.data());
    for (uint32_t i = 0; i < items.size(); ++i)
        EXPECT_EQ(weights[i], sums[text(items[i])]);
    Bundle::Group none;
    EXPECT_FALSE(bundle.find_group(view("no such key"), &none));
    return all;
}

const Groups some = {{"", {2, {{"b", 2}}}}, {key({"DE"}), {3, {{"a", 1}, {"b", 300}}}}, {key({nullptr}), {1, {}}}};

TEST(Bundle, GoldenBytes) {
    EXPECT_EQ(to_hex(write(some)), "21"
                                   "01"
                                   "02"
                                   "03"
                                   "af02"
                                   "02"
                                   "04"
                                   "0d"
                                   "04"
                                   "03"
                                   "00"
                                   "02"
                                   "02" // the overflow group
                                   "01"
                                   "00"
                                   "01"
                                   "00" // NULL
                                   "03"
                                   "034445"
                                   "03"
                                   "04" // DE
                                   "01"
                                   "61"
                                   "01"
                                   "62"
                                   "01" // weights of all groups
                                   "ae02"
                                   "0302"
                                   "00"
                                   "01ac02");
}

TEST(Bundle, RoundTrip) {
    EXPECT_EQ(read(write(some)), some);
    streams::Random random(3);
    const streams::Zipf zipf(500, 1.0);
    for (const uint32_t size : {1u, 10u, 2000u}) {
        Groups texts, numbers;
        for (uint32_t i = 0; i < size; ++i) {
            const uint64_t r = random.next();
            const std::string group =
                key({("group" + std::to_string(r % (size / 3 + 1))).c_str(), r % 5 == 0 ? nullptr : "x"});
            Counted &a = texts[group];
            a.events += 2;
            a.weights[std::string(r % 40 == 0 ? 300 : 0, 'p') + std::to_string(zipf(random))] += r % 3 == 0 ? 1000 : 1;
            const auto value = static_cast<int64_t>(r) >> (i % 64);
            Counted &b = numbers[group];
            ++b.events;
            ++b.weights[std::string(reinterpret_cast<const char *>(&value), 8)];
        }
        EXPECT_EQ(read(write(texts, Kind::text, 2)), texts);
        EXPECT_EQ(read(write(numbers, Kind::bigint, 2)), numbers);
    }
}

TEST(Bundle, StoresSharedItemsOnce) {
    Groups groups;
    for (int i = 0; i < 100; ++i)
        groups[key({std::to_string(100 + i).c_str()})] = {1, {{std::string(1000, 'i'), 1}}};
    EXPECT_LT(write(groups).size(), 2000u);
}

void expect_malformed(const Bytes &bytes, const std::string &what) {
    try {
        Bundle::validate(bytes.data(), bytes.size());
        ADD_FAILURE() << what << ": accepted " << to_hex(bytes);
    } catch (const topk::Error &error) {
        EXPECT_EQ(error.code(), Errc::malformed) << what;
    }
}

TEST(Bundle, RefusesEverythingElse) {
    const Bytes good = write(some);
    for (size_t n = 0; n < good.size(); ++n)
        expect_malformed(Bytes(good.begin(), good.begin() + static_cast<long>(n)), "cut");
    Bytes longer = good;
    longer.push_back(0);
    expect_malformed(longer, "trailing byte");
    // A changed byte is refused, or is another state in its one form.
    for (size_t i = 0; i < good.size(); ++i)
        for (int b = 0; b < 256; ++b) {
            Bytes changed = good;
            changed[i] = static_cast<uint8_t>(b);
            try {
                const Groups groups = read(changed);
                ASSERT_EQ(to_hex(write(groups, static_cast<Kind>(changed[0] & 15))), to_hex(changed));
            } catch (const topk::Error &error) {
                ASSERT_EQ(error.code(), Errc::malformed);
            }
        }
}

} // namespace
