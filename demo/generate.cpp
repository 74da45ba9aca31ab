// A day of video views for ./run demo, as epoch<TAB>item: the 24 hours before the time given as an epoch, 99,990 videos whose
// popularity follows Zipf's law, more views at its end than in its middle, and one new video, video_99999, that nobody sees
// before the last four and a half hours. The same each time, but for when it begins.
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
        // Least in the sixth hour, most in the eighteenth.
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
        // It spreads: the share of views grows through the evening.
        if (time >= uploaded && random.unit() < 0.16 * static_cast<double>(time - uploaded) / (4.5 * 3600))
            video = late;
        std::printf("%lld\tvideo_%05llu\n", static_cast<long long>(time), static_cast<unsigned long long>(video));
    }
}
