// Prints rows for COPY: item, time and source.
//
// usage: rows STREAM ROWS START SECONDS SOURCES [scattered]
//   STREAM is a name of bench_events.h, START is in seconds since 1970. Times are in order unless scattered is given.
// usage: rows STREAM ROWS top
//   prints the number of different items in these rows, and then the 100 most frequent with their counts.
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "rows.h"
#include "score.h"

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[3], "top") == 0) {
        const bench::Truth truth = bench::Truth::of(bench::ranks(argv[1], strtoull(argv[2], nullptr, 10), 1));
        printf("%zu\n", truth.counts.size() - static_cast<size_t>(std::count(truth.counts.begin(), truth.counts.end(), 0u)));
        for (const uint32_t rank : truth.largest)
            printf("%s\t%u\n", bench::item_name(rank).c_str(), truth.counts[rank]);
        return ferror(stdout) || fflush(stdout) != 0;
    }
    if (argc < 6) {
        fprintf(stderr, "usage: rows STREAM ROWS START SECONDS SOURCES [scattered]\n");
        return 2;
    }
    const uint64_t rows = strtoull(argv[2], nullptr, 10);
    bench::RowSource source{bench::ranks(argv[1], rows, 1), strtoull(argv[3], nullptr, 10) * 1000000,
                            strtoull(argv[4], nullptr, 10) * 1000000, bench::Sources(argv[5]),
                            argc > 6 && strcmp(argv[6], "scattered") == 0};
    char seconds[32] = "";
    time_t last = -1;
    for (uint64_t i = 0; i < rows; ++i) {
        const auto row = source.at(i);
        const auto s = static_cast<time_t>(row.us / 1000000);
        if (s != last) {
            tm utc;
            strftime(seconds, sizeof(seconds), "%Y-%m-%d %H:%M:%S", gmtime_r(&s, &utc));
            last = s;
        }
        printf("%s\t%s.%06u+00\t%s\n", row.item.c_str(), seconds, static_cast<unsigned>(row.us % 1000000),
               row.source.c_str());
    }
    return ferror(stdout) || fflush(stdout) != 0;
}
