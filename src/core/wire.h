// Reading and writing the stored formats: little-endian integers and LEB128 varints. Every read is checked against the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "error.h"

namespace topk {

constexpr size_t varint_size(uint64_t v) {
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        ++n;
    return n;
}

class Reader {
public:
    Reader(const uint8_t *data, size_t size) : p_(data), end_(data + size) {}

    size_t left() const { return static_cast<size_t>(end_ - p_); }
    const uint8_t *at() const { return p_; }

    const uint8_t *bytes(size_t n) {
        if (n > left())
            truncated();
        const uint8_t *at = p_;
        p_ += n;
        return at;
    }

    uint8_t u8() { return *bytes(1); }
    uint64_t u64() { return fixed(8); }

    uint64_t fixed(size_t n) {
        const uint8_t *at = bytes(n);
        uint64_t v = 0;
        for (size_t i = 0; i < n; ++i)
            v |= static_cast<uint64_t>(at[i]) << (8 * i);
        return v;
    }

    uint64_t varint() {
        if (p_ != end_ && *p_ < 0x80)
            return *p_++;
        if (end_ - p_ >= 2 && static_cast<uint8_t>(p_[1] - 1) < 0x7f) { // two bytes, the second not 0
            p_ += 2;
            return (p_[-2] & 0x7fu) | static_cast<uint64_t>(p_[-1]) << 7;
        }
        return long_varint();
    }

private:
    // Only the shortest encoding is accepted, so that equal states have equal bytes.
    uint64_t long_varint() {
        uint64_t v = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const uint8_t byte = u8();
            if (shift == 63 && byte > 1)
                break;
            v |= static_cast<uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) {
                if (byte == 0 && shift != 0)
                    break;
                return v;
            }
        }
        throw Error(Errc::malformed, "invalid variable-length integer");
    }

    [[noreturn]] static void truncated() { throw Error(Errc::malformed, "unexpected end of data"); }

    const uint8_t *p_;
    const uint8_t *end_;
};

// Writes without checks: the caller has computed the size of the memory.
class Writer {
public:
    explicit Writer(uint8_t *out) : p_(out) {}

    uint8_t *at() const { return p_; }
    void u8(uint8_t v) { *p_++ = v; }
    void u64(uint64_t v) { fixed(v, 8); }

    void fixed(uint64_t v, size_t n) {
        for (size_t i = 0; i < n; ++i)
            *p_++ = static_cast<uint8_t>(v >> (8 * i));
    }

    void varint(uint64_t v) {
        for (; v >= 0x80; v >>= 7)
            *p_++ = static_cast<uint8_t>(v | 0x80);
        *p_++ = static_cast<uint8_t>(v);
    }

    void bytes(const void *data, size_t n) {
        if (n != 0)
            memcpy(p_, data, n);
        p_ += n;
    }

private:
    uint8_t *p_;
};

} // namespace topk
