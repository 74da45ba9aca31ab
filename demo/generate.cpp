// Prints a day of video views for ./run demo, as epoch<TAB>item: the 24 hours before the epoch that is its argument. There are
// 99,990 videos whose popularity follows Zipf's law, and one new video, video_99999, which has views only in the last four and a
// half hours. The output is the same each time, except for the beginning of the day.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "streams.h"

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    constexpr uint64_t events = 1'500'000, videos = 99'990, prime = 99'991, late = 99'999;
    const int64_t begin = std::atoll(argv[1]) - 86400;
    const int64_t uploaded = begin + 19 * 3600 + 1800;

    streams::Random random(20260105);
    std::vector<int64_t> times(events);
    for (int64_t &time : times) {
        // The sixth hour has the fewest views, the eighteenth the most.
        int64_t second;
        do
            second = static_cast<int64_t>(random.below(86400));
        while (random.unit() > 0.6 - 0.4 * std::cos((second / 3600.0 - 5) * M_PI / 12));
        time = begin + second;
    }
    std::sort(times.begin(), times.end());

    const streams::Zipf popularity(videos, 1.0);
    for (const int64_t time : times) {
        uint64_t video = popularity(random) * 38'501 % prime;
        // The share of the new video grows through the evening.
        if (time >= uploaded && random.unit() < 0.16 * static_cast<double>(time - uploaded) / (4.5 * 3600))
            video = late;
        std::printf("%lld\tvideo_%05llu\n", static_cast<long long>(time), static_cast<unsigned long long>(video));
    }
}
