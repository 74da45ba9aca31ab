// The input is taken as a bundle: it must be refused, or be what writing its content yields, and each way to read it must
// agree.
#include <cstdint>
#include <vector>

#include "bundle.h"
#include "check.h"
#include "error.h"

using topk::Bundle;
using topk::ItemView;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // Reading parts of bytes that were not validated must be safe too.
    try {
        const Bundle bundle(data, size);
        std::vector<uint64_t> weights(bundle.item_count());
        Bundle::Group group;
        const ItemView key = {data, static_cast<uint32_t>(size % 5)};
        if (bundle.find_group(key, &group)) {
            for (Bundle::Counts counts(bundle, group); !counts.at_end();)
                CHECK(counts.next().item < bundle.item_count());
            std::vector<topk::WeightedItem> list(group.list_length);
            std::vector<uint8_t> memory(bundle.item_bytes());
            bundle.read_list(group, list.data(), memory.data());
        }
        bundle.read_weights(weights.data());
    } catch (const topk::Error &e) {
        CHECK(e.code() == topk::Errc::malformed);
    }
    try {
        Bundle::validate(data, size);
    } catch (const topk::Error &e) {
        CHECK(e.code() == topk::Errc::malformed);
        return 0;
    }
    const Bundle bundle(data, size);
    std::vector<ItemView> items(bundle.item_count());
    std::vector<Bundle::Group> groups(bundle.group_count());
    std::vector<uint8_t> memory(bundle.item_bytes() + bundle.key_bytes());
    bundle.read_items(items.data(), memory.data());
    bundle.read_groups(groups.data(), memory.data() + bundle.item_bytes());
    std::vector<std::vector<Bundle::Count>> lists;
    std::vector<Bundle::CountedGroup> counted;
    uint64_t total = 0;
    for (const Bundle::Group &group : groups) {
        Bundle::Group alone;
        CHECK(bundle.find_group(group.key, &alone));
        CHECK(alone.list == group.list && alone.list_length == group.list_length && alone.events == group.events);
        lists.emplace_back();
        for (Bundle::Counts counts(bundle, group); !counts.at_end();) {
            lists.back().push_back(counts.next());
            total += lists.back().back().weight;
        }
        std::vector<topk::WeightedItem> list(group.list_length);
        std::vector<uint8_t> list_memory(bundle.item_bytes());
        CHECK(bundle.read_list(group, list.data(), list_memory.data()) == lists.back().size());
        for (size_t i = 0; i < lists.back().size(); ++i) {
            const ItemView &item = items[lists.back()[i].item];
            CHECK(list[i].weight == lists.back()[i].weight && list[i].length == item.length &&
                  memcmp(list[i].data, item.data, item.length) == 0);
        }
        counted.push_back({group.key, group.events, lists.back().data(), static_cast<uint32_t>(lists.back().size())});
    }
    CHECK(total == bundle.total());
    std::vector<Bundle::GroupCount> all(size);
    all.resize(bundle.read_counts(groups.data(), all.data()));
    for (const Bundle::GroupCount &count : all)
        total -= count.weight;
    CHECK(total == 0);
    const Bundle::Content content = {bundle.kind(),       bundle.values(), items.data(),
                                     bundle.item_count(), counted.data(),  static_cast<uint32_t>(counted.size())};
    std::vector<uint32_t> positions(items.size());
    std::vector<uint8_t> out(Bundle::bound(content, positions.data()));
    const size_t written = Bundle::write(content, positions.data(), out.data());
    CHECK(written == size && memcmp(out.data(), data, size) == 0);
    return 0;
}
