// Prints rows for COPY: item, time and source.
//
// usage: rows STREAM ROWS START SECONDS SOURCES [scattered]
//   STREAM is a name of bench_events.h, START is in seconds since 1970. Times are in order unless scattered is given.
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "rows.h"

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: rows STREAM ROWS START SECONDS SOURCES [scattered]\n");
        return 2;
    }
    const uint64_t rows = strtoull(argv[2], nullptr, 10);
    bench::RowSource source{bench::ranks(argv[1], rows, 1), strtoull(argv[3], nullptr, 10) * 1000000,
                            strtoull(argv[4], nullptr, 10) * 1000000, static_cast<uint32_t>(strtoul(argv[5], nullptr, 10)),
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
