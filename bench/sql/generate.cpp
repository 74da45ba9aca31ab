// Prints rows for COPY: item, timestamp and hour of one day, in the order of time.
//
// usage: generate STREAM ROWS, where STREAM is one of bench_events.h
#include <cinttypes>
#include <cstdlib>

#include "bench_events.h"

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: generate stream rows\n");
        return 2;
    }
    const uint64_t rows = strtoull(argv[2], nullptr, 10);
    uint64_t row = 0;
    for (uint32_t rank : bench::ranks(argv[1], rows, 1)) {
        const uint64_t us = row++ * uint64_t{86400000000} / rows;
        const uint64_t s = us / 1000000;
        printf("%s\t2024-01-01 %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%06" PRIu64 "\t%" PRIu64 "\n",
               bench::item_name(rank).c_str(), s / 3600, s / 60 % 60, s % 60, us % 1000000, s / 3600);
    }
    return ferror(stdout) || fflush(stdout) != 0;
}
