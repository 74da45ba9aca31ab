// Bytes as hexadecimal text, which may have spaces between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace support {

inline std::vector<uint8_t> from_hex(std::string_view text) {
    std::vector<uint8_t> bytes;
    int high = -1;
    for (const char c : text) {
        if (c == ' ')
            continue;
        const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
        if (high < 0) {
            high = digit;
        } else {
            bytes.push_back(static_cast<uint8_t>(high << 4 | digit));
            high = -1;
        }
    }
    return bytes;
}

inline std::string to_hex(const std::vector<uint8_t> &bytes) {
    std::string text;
    for (const uint8_t b : bytes) {
        text += "0123456789abcdef"[b >> 4];
        text += "0123456789abcdef"[b & 15];
    }
    return text;
}

} // namespace support
