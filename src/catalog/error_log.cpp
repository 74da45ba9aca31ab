#include "error_log.h"

#include "statement.h"

namespace topk::catalog {

void log_error(int32 rollup, const char *sqlstate, const char *message, const TileKey *window, TimestampTz stop) {
    execute("INSERT INTO topk.error_log (rollup, sqlstate, message, level, start, stop, grp)"
            " SELECT id, $2, $3, $4, $5, $6, $7 FROM topk.rollup WHERE id = $1",
            {Value::int4(rollup), Value::string(sqlstate), Value::string(message),
             Value::of(INT2OID, Int16GetDatum(window == nullptr ? 0 : static_cast<int16>(window->level)), window == nullptr),
             Value::of(TIMESTAMPTZOID, TimestampTzGetDatum(window == nullptr ? 0 : window->start), window == nullptr),
             Value::of(TIMESTAMPTZOID, TimestampTzGetDatum(stop), window == nullptr),
             Value::strings(window == nullptr ? nullptr : window->grp)});
    execute("DELETE FROM topk.error_log WHERE rollup = $1 AND at <"
            " (SELECT at FROM topk.error_log WHERE rollup = $1 ORDER BY at DESC OFFSET 99 LIMIT 1)",
            {Value::int4(rollup)});
}

void delete_errors(int32 rollup) { execute("DELETE FROM topk.error_log WHERE rollup = $1", {Value::int4(rollup)}); }

} // namespace topk::catalog
