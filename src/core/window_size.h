// The bytes that the counts of a window take when they are stored: exact, or as a summary with a sketch and registers.
#pragma once

#include "cms.h"
#include "spacesaving.h"

namespace topk {

// Bytes of an exact summary, nearly: what its counts take is computed from their mean.
size_t exact_size(const SpaceSaving &exact);

// Bytes that a summary of this capacity, a sketch (width 0: none) and registers of the same events would take together,
// nearly: from the numbers of items and events, as if all items were alike.
size_t inexact_size(const SpaceSaving &exact, uint32_t capacity, uint32_t width, uint32_t depth);

// The bytes of items that a window of this capacity keeps at most: enough for as many as its capacity of 128 bytes each, and
// 16 MB more. Without a bound, a few thousand long items would take the memory of millions of short ones.
constexpr uint64_t max_key_bytes(uint32_t capacity) { return (uint64_t{16} << 20) + uint64_t{128} * capacity; }
// The capacity to which a summary shrinks that has more bytes than that: the items of the largest counts come to seven
// eighths of it, if they are no longer than the average. If they are longer, it must shrink again.
uint32_t shorter_capacity(const SpaceSaving &summary, uint32_t capacity);

} // namespace topk
