// Items of sketches: their canonical bytes, the kind of these, and their hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

// The hash is inlined: hashing 12 bytes takes about 3 ns, and a call would take as much again.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace topk {

// The meaning of the canonical bytes of an item. The numbers are stored: never change them.
enum class Kind : uint8_t {
    none = 0,   // a state that has counted no item yet
    text = 1,   // the bytes of the text, in the database encoding
    bigint = 2, // 8 bytes, little-endian two's complement
    uuid = 3,   // 16 bytes, in network order
    bytea = 4,  // the bytes themselves
};
inline constexpr uint8_t kind_last = 4;

const char *kind_name(Kind kind);

// The length of all items of a kind, or 0 if it varies.
constexpr uint32_t fixed_length(Kind kind) { return kind == Kind::bigint ? 8 : kind == Kind::uuid ? 16 : 0; }

// Largest length of an item in bytes. Longer ones are an error, as cutting them would unite different items.
inline constexpr uint32_t max_item_length = 8191;

// Largest total weight of a state, the largest bigint of SQL.
inline constexpr uint64_t max_total = INT64_MAX;

struct Item {
    const uint8_t *data;
    uint32_t length;
    uint64_t hash;

    [[gnu::flatten, gnu::always_inline]] Item(const void *bytes, size_t size)
        : data(static_cast<const uint8_t *>(bytes)), length(static_cast<uint32_t>(size)), hash(XXH3_64bits(bytes, size)) {}
    // With a hash that was computed before.
    Item(const uint8_t *bytes, uint32_t size, uint64_t known) : data(bytes), length(size), hash(known) {}
};

// The answer of a sketch about one item.
struct Frequency {
    uint64_t count; // the upper bound
    uint64_t lower;
    uint64_t upper;
    uint64_t estimate; // the most likely weight: the upper bound, if nothing better is known
};

inline uint64_t load_u64(const void *p) {
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

inline uint32_t load_u32(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

// Like memcmp() == 0, but without a call for short keys, which most items are.
inline bool equal_bytes(const uint8_t *a, const uint8_t *b, uint32_t n) {
    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8)
        return ((load_u64(a) ^ load_u64(b)) | (load_u64(a + n - 8) ^ load_u64(b + n - 8))) == 0;
    if (n >= 4)
        return ((load_u32(a) ^ load_u32(b)) | (load_u32(a + n - 4) ^ load_u32(b + n - 4))) == 0;
    for (uint32_t i = 0; i < n; ++i)
        if (a[i] != b[i])
            return false;
    return true;
}

// Compares two items of one kind by their bytes; rankings break ties with it.
inline int compare_bytes(const uint8_t *a, uint32_t na, const uint8_t *b, uint32_t nb) {
    const uint32_t n = na < nb ? na : nb;
    if (n != 0)
        if (int c = memcmp(a, b, n))
            return c;
    return na < nb ? -1 : na > nb;
}

} // namespace topk
