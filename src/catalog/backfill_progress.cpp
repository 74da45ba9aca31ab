#include "backfill_progress.h"

#include "statement.h"

namespace topk::catalog {

bool find_progress(int32 rollup, BackfillProgress *progress) {
    if (execute("SELECT asked_since, asked_until, since, until, left_until, (1e6 * extract(epoch FROM spent))::bigint"
                " FROM topk.backfill_progress WHERE rollup = $1",
                {Value::int4(rollup)}) == 0)
        return false;
    const auto time = [](int column) { return DatumGetTimestampTz(result_value(0, column)); };
    *progress = {{time(1), time(2)}, {time(3), time(4)}, time(5), DatumGetInt64(result_value(0, 6))};
    return true;
}

void start_progress(int32 rollup, const BackfillProgress &progress) {
    delete_progress(rollup);
    execute("INSERT INTO topk.backfill_progress (rollup, asked_since, asked_until, since, until, left_until)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            {Value::int4(rollup), Value::time(progress.asked.start), Value::time(progress.asked.stop),
             Value::time(progress.span.start), Value::time(progress.span.stop), Value::time(progress.left)});
}

void add_progress(int32 rollup, TimestampTz left, int64 events, int64 microseconds) {
    execute("UPDATE topk.backfill_progress SET left_until = $2, events = events + $3,"
            " spent = spent + $4 * interval '1 microsecond', updated = clock_timestamp() WHERE rollup = $1",
            {Value::int4(rollup), Value::time(left), Value::int8(events), Value::int8(microseconds)});
}

void delete_progress(int32 rollup) {
    execute("DELETE FROM topk.backfill_progress WHERE rollup = $1", {Value::int4(rollup)});
}

} // namespace topk::catalog
