#include "error_log.h"

#include "statement.h"

namespace topk::catalog {

void log_error(int32 rollup, const char *sqlstate, const char *message) {
    execute("INSERT INTO topk.error_log (rollup, sqlstate, message) SELECT id, $2, $3 FROM topk.rollup WHERE id = $1",
            {Value::int4(rollup), Value::string(sqlstate), Value::string(message)});
    execute("DELETE FROM topk.error_log WHERE rollup = $1 AND at <"
            " (SELECT at FROM topk.error_log WHERE rollup = $1 ORDER BY at DESC OFFSET 99 LIMIT 1)",
            {Value::int4(rollup)});
}

void delete_errors(int32 rollup) { execute("DELETE FROM topk.error_log WHERE rollup = $1", {Value::int4(rollup)}); }

} // namespace topk::catalog
