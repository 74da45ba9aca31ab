// The parameters of topk.create_rollup() that are not expressions, checked.
#pragma once

#include "../pg/executor.h"

namespace topk::define {

[[noreturn]] void raise_parameter(const char *message);

int64 checked_grain(const Interval *grain);
// Sets the levels that the names in an array of text choose.
void check_windows(ArrayType *windows, bool *chosen);

struct Retention {
    Jsonb *jsonb; // with all keys
    Interval longest;
};
// Completes the given retention (nullptr: none) with the present one (nullptr: none) and with the defaults. Settings must be
// pinned.
Retention checked_retention(struct varlena *given, struct varlena *present);

int32 checked_range(const char *parameter, int32 value, int32 least, int32 most);
int32 checked_k(int32 k, uint32_t capacity);
int32 checked_max_groups(int32 max_groups);
void check_sketch(int32 width, int32 depth);
// Raises 22023 for a negative one.
const Interval *checked_interval(const char *parameter, const Interval *value);

} // namespace topk::define
