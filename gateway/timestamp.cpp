#include "timestamp.h"

#include <chrono>

namespace gateway {
namespace {

using namespace std::chrono;

constexpr Micros second = 1'000'000;

// Reads a text from the front.
struct Reader {
    std::string_view rest;

    bool take(char c) {
        if (rest.empty() || rest.front() != c)
            return false;
        rest.remove_prefix(1);
        return true;
    }

    // Exactly n digits.
    bool take_number(std::size_t n, int &value) {
        if (rest.size() < n)
            return false;
        value = 0;
        for (const char c : rest.substr(0, n)) {
            if (c < '0' || c > '9')
                return false;
            value = value * 10 + (c - '0');
        }
        rest.remove_prefix(n);
        return true;
    }

    // One digit or more after the point, in microseconds.
    bool take_fraction(Micros &fraction) {
        std::size_t digits = 0;
        Micros scale = second;
        fraction = 0;
        while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
            scale /= 10;
            if (digits == 6 && rest[digits] >= '5')
                ++fraction;
            fraction += (rest[digits++] - '0') * scale;
        }
        rest.remove_prefix(digits);
        return digits > 0;
    }
};

bool take_offset(Reader &reader, Micros &offset) {
    offset = 0;
    if (reader.take('Z'))
        return true;
    const bool west = reader.take('-');
    int hours = 0, minutes = 0;
    if ((!west && !reader.take('+')) || !reader.take_number(2, hours))
        return false;
    const bool colon = reader.take(':');
    if ((colon || !reader.rest.empty()) && !reader.take_number(2, minutes))
        return false;
    if (hours > 15 || minutes > 59)
        return false;
    offset = (hours * 60 + minutes) * 60 * second * (west ? -1 : 1);
    return true;
}

} // namespace

std::optional<Micros> parse_timestamp(std::string_view text) {
    Reader reader{text};
    int y = 0, m = 0, d = 0, hours = 0, minutes = 0, seconds = 0;
    Micros fraction = 0, offset = 0;
    if (!reader.take_number(4, y) || !reader.take('-') || !reader.take_number(2, m) || !reader.take('-') ||
        !reader.take_number(2, d) || (!reader.take('T') && !reader.take(' ')) || !reader.take_number(2, hours) ||
        !reader.take(':') || !reader.take_number(2, minutes))
        return {};
    if (reader.take(':') && (!reader.take_number(2, seconds) || (reader.take('.') && !reader.take_fraction(fraction))))
        return {};
    if (!take_offset(reader, offset) || !reader.rest.empty())
        return {};

    const year_month_day date{year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d))};
    // As in PostgreSQL, second 60 is the first of the next minute, and 24:00 is the start of the next day.
    if (y == 0 || !date.ok() || minutes > 59 || seconds > 60 || hours > 24 ||
        (hours == 24 && (minutes != 0 || seconds != 0 || fraction != 0)))
        return {};
    const Micros time = sys_days(date).time_since_epoch().count() * (86400 * second) +
                        ((hours * 60 + minutes) * 60 + seconds) * second + fraction - offset;
    constexpr Micros first = sys_days(1y / 1 / 1).time_since_epoch().count() * (86400 * second);
    constexpr Micros last = sys_days(10000y / 1 / 1).time_since_epoch().count() * (86400 * second);
    if (time < first || time >= last)
        return {};
    return time;
}

void append_timestamp(std::string &out, Micros time) {
    const auto point = sys_time<microseconds>(microseconds(time));
    const auto midnight = floor<days>(point);
    const year_month_day date(midnight);
    const hh_mm_ss clock(point - midnight);
    // This does not call snprintf, which takes longer than reading the rest of the event.
    char text[] = "0000-00-00 00:00:00.000000+00";
    const auto write = [&text](std::size_t at, std::size_t digits, auto number) {
        for (auto rest = static_cast<unsigned>(number); digits > 0; rest /= 10)
            text[at + --digits] = static_cast<char>('0' + rest % 10);
    };
    write(0, 4, static_cast<int>(date.year()));
    write(5, 2, static_cast<unsigned>(date.month()));
    write(8, 2, static_cast<unsigned>(date.day()));
    write(11, 2, clock.hours().count());
    write(14, 2, clock.minutes().count());
    write(17, 2, clock.seconds().count());
    write(20, 6, clock.subseconds().count());
    out.append(text, sizeof text - 1);
}

Micros now() { return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count(); }

} // namespace gateway
