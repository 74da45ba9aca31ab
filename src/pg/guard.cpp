#include "guard.h"

namespace topk::pg {

namespace {

int sqlstate_of(Errc code) {
    switch (code) {
        case Errc::invalid_parameter: return ERRCODE_INVALID_PARAMETER_VALUE;
        case Errc::out_of_range: return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
        // Input functions validate bytes from outside and report codes of their own; anywhere else the data are corrupted.
        case Errc::malformed: return ERRCODE_DATA_CORRUPTED;
        case Errc::mismatch: return ERRCODE_INVALID_PARAMETER_VALUE;
        case Errc::too_large: return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
    }
    return ERRCODE_INTERNAL_ERROR;
}

} // namespace

void describe(Failure &failure, const Error &error) noexcept {
    failure.sqlstate = sqlstate_of(error.code());
    strlcpy(failure.message, error.what(), sizeof(failure.message));
}

void describe_out_of_memory(Failure &failure) noexcept {
    failure.sqlstate = ERRCODE_OUT_OF_MEMORY;
    strlcpy(failure.message, "out of memory", sizeof(failure.message));
}

void describe_unexpected(Failure &failure, const char *what) noexcept {
    failure.sqlstate = ERRCODE_INTERNAL_ERROR;
    strlcpy(failure.message, what, sizeof(failure.message));
}

void raise(const Failure &failure) {
    ereport(ERROR, (errcode(failure.sqlstate), errmsg("%s", failure.message)));
    pg_unreachable();
}

} // namespace topk::pg
