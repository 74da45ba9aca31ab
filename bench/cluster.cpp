// Simulates a day of a cluster on one machine: each node counts its share of the events in hourly tiles and merges them into
// its day; one node then merges the days of all. It prints what travels between nodes, how long merging takes, and how far
// the answer is from exact counts, and fails if a bound does not hold.
//
// usage: cluster [--nodes N] [--hours N] [--events N] [--items N] [--exponent TENTHS] [--capacity N] [--seed N]
//   --events is the number in each tile of each node. Popularity follows Zipf's law with this exponent; a fifth of the
//   events of each hour are of 1,000 items which that hour alone has.
#include <algorithm>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "counts.h"
#include "score.h"

namespace {

using bench::Score;
using bench::Truth;
using support::Counts;

constexpr uint64_t hourly_items = 1000;

struct Options {
    uint64_t nodes = 64, hours = 24, events = 100000, items = 100000000, exponent = 11, capacity = 2000, seed = 1;
};

Options read_options(int argc, char **argv) {
    Options o;
    const std::pair<const char *, uint64_t *> names[] = {
        {"--nodes", &o.nodes},       {"--hours", &o.hours},       {"--events", &o.events}, {"--items", &o.items},
        {"--exponent", &o.exponent}, {"--capacity", &o.capacity}, {"--seed", &o.seed}};
    for (int i = 1; i < argc; i += 2) {
        const auto known = std::find_if(std::begin(names), std::end(names),
                                        [&](const auto &name) { return strcmp(name.first, argv[i]) == 0; });
        if (known == std::end(names) || i + 1 == argc) {
            fprintf(stderr, "usage: see cluster.cpp\n");
            exit(2);
        }
        *known->second = strtoull(argv[i + 1], nullptr, 10);
    }
    return o;
}

// Processor time, in ms: the program has one thread.
double now() { return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Ranks 1 to items are those of Zipf's law; those of the hours come behind them.
class Hour {
public:
    Hour(const Options &o, uint64_t hour)
        : zipf_(o.items, static_cast<double>(o.exponent) / 10), first_(o.items + 1 + hour * hourly_items) {}
    uint32_t next(streams::Random &random) const {
        if (random.below(5) != 0)
            return static_cast<uint32_t>(zipf_(random));
        // The lower of two draws, so that the items of an hour differ in frequency
        return static_cast<uint32_t>(first_ + std::min(random.below(hourly_items), random.below(hourly_items)));
    }

private:
    streams::Zipf zipf_;
    uint64_t first_;
};

Counts merged(const std::vector<Counts::Stored> &parts, const Options &o) {
    Counts whole(static_cast<uint32_t>(o.capacity), topk::CmsParameters{}, Counts::by_size);
    for (const Counts::Stored &part : parts)
        whole.merge(part);
    return whole;
}

// Merges the parts a few times, and returns the shortest time in ms.
double time_of_merging(const std::vector<Counts::Stored> &parts, const Options &o) {
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
        const double begin = now();
        const Counts whole = merged(parts, o);
        best = std::min(best, now() - begin);
        if (whole.summary()->total() == 0)
            abort();
    }
    return best;
}

size_t bytes_of(const std::vector<Counts::Stored> &parts) {
    size_t bytes = 0;
    for (const Counts::Stored &part : parts)
        bytes += part.size();
    return bytes;
}

bool print(const char *what, size_t parts, size_t bytes, double took, const Counts &whole, const Truth &truth) {
    const Score s = bench::score(whole.summary().pack(), truth, whole.is_exact() ? nullptr : &*whole.sketch());
    printf("| %s | %zu | %.1f MB | %.1f ms | %.1f | %.2f | %.5f | %u | %" PRIu64 " | %u |\n", what, parts,
           static_cast<double>(bytes) / 1e6, took, s.precision10, s.precision100, s.mean_relative_error, s.guaranteed,
           s.floor, truth.counts[truth.largest.back()]);
    fflush(stdout);
    return s.wrong == 0;
}

} // namespace

int main(int argc, char **argv) {
    const Options o = read_options(argc, argv);
    std::vector<uint32_t> exact(o.items + 1 + o.hours * hourly_items), of_last_hour(exact.size());
    std::vector<Counts::Stored> days, of_hour, tiles;
    std::vector<Hour> hours;
    for (uint64_t h = 0; h < o.hours; ++h)
        hours.emplace_back(o, h);

    const double begin = now();
    double merging = 0;
    for (uint64_t node = 0; node < o.nodes; ++node) {
        std::vector<Counts::Stored> own;
        for (uint64_t hour = 0; hour < o.hours; ++hour) {
            streams::Random random(o.seed + node * o.hours + hour);
            Counts tile(static_cast<uint32_t>(o.capacity), topk::CmsParameters{}, Counts::by_size, true);
            for (uint64_t i = 0; i < o.events; ++i) {
                const uint32_t rank = hours[hour].next(random);
                ++exact[rank];
                of_last_hour[rank] += hour + 1 == o.hours;
                const std::string name = bench::item_name(rank);
                tile.add(topk::Item(name.data(), name.size()));
            }
            own.push_back(tile.store());
        }
        const double before = now();
        days.push_back(merged(own, o).store());
        merging += now() - before;
        of_hour.push_back(own.back());
        std::move(own.begin(), own.end(), std::back_inserter(tiles));
    }
    printf("%" PRIu64 " events of %zu different items, in %" PRIu64 " tiles of %" PRIu64 " nodes, capacity %" PRIu64
           ", Zipf %.1f over %" PRIu64 " items and %" PRIu64 " items of each hour; counted in %.0f s\n",
           o.nodes * o.hours * o.events, exact.size() - static_cast<size_t>(std::count(exact.begin(), exact.end(), 0u)),
           o.nodes * o.hours, o.nodes, o.capacity, static_cast<double>(o.exponent) / 10, o.items, hourly_items,
           (now() - begin) / 1000);
    printf("A node merges its %" PRIu64 " tiles (%.1f MB) into its day in %.1f ms.\n\n", o.hours,
           static_cast<double>(bytes_of(tiles)) / 1e6 / static_cast<double>(o.nodes),
           merging / static_cast<double>(o.nodes));

    printf("| answer | parts | bytes of the parts | time of merging | precision@10 | precision@100 | relative error | "
           "guaranteed | floor | 100th |\n"
           "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    const Truth hour{std::move(of_last_hour)};
    bool holds = print("the last hour: a tile of each node", of_hour.size(), bytes_of(of_hour), time_of_merging(of_hour, o),
                       merged(of_hour, o), hour);
    const Truth day{std::move(exact)};
    holds &=
        print("the day: a day of each node", days.size(), bytes_of(days), time_of_merging(days, o), merged(days, o), day);
    holds &= print("the day: all tiles of all nodes", tiles.size(), bytes_of(tiles), time_of_merging(tiles, o),
                   merged(tiles, o), day);
    if (!holds)
        printf("\nA bound does not hold.\n");
    return holds ? 0 : 1;
}
