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

} // namespace topk
