#include "rollup_state.h"

#include "../pg/numeric.h"
#include "row.h"
#include "scan.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

constexpr const char *backfill_names[] = {nullptr, "wanted", "running", "done", "failed"}; // by Backfill; nullptr is NULL

Value backfill_value(Backfill backfill) { return Value::string(backfill_names[static_cast<int>(backfill)]); }

Backfill backfill_of(const char *name) {
    for (int i = 1; name != nullptr && i < static_cast<int>(lengthof(backfill_names)); ++i)
        if (strcmp(name, backfill_names[i]) == 0)
            return static_cast<Backfill>(i);
    return Backfill::none;
}

enum Column {
    rollup_id = 1,
    last_fold = 8,
    failures = 10,
    retry_at,
    backfill = 13,
    lost_since = 16,
    lost_until,
    backfill_at = 19,
    counted_since,
    column_count = counted_since
};

TimestampTz time_or(const Row<column_count> &row, Column column, TimestampTz otherwise) {
    return row.null(column) ? otherwise : row.time(column);
}

RollupState state_of(const Row<column_count> &row) {
    return {row.int4(rollup_id),
            backfill_of(row.string(backfill)),
            row.int4(failures),
            time_or(row, retry_at, DT_NOBEGIN),
            time_or(row, backfill_at, DT_NOBEGIN),
            time_or(row, last_fold, DT_NOBEGIN),
            time_or(row, counted_since, DT_NOEND)};
}

// An array of bigint or timestamptz.
Value by_level(const int64 *values, Oid type = INT8OID) {
    Datum elements[level_count];
    for (int i = 0; i < level_count; ++i)
        elements[i] = Int64GetDatum(values[i]);
    return Value::pointer(get_array_type(type),
                          construct_array(elements, level_count, type, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Value weight_value(int128 weight) { return Value::of(NUMERICOID, pg::numeric_of(weight)); }

TimestampTz element(ArrayType *array, int level, TimestampTz otherwise) {
    if (array == nullptr || ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_DIMS(array)[0] <= level)
        return otherwise;
    return reinterpret_cast<const TimestampTz *>(ARR_DATA_PTR(array))[level];
}

} // namespace

Lost read_lost(int32 rollup, Snapshot snapshot) {
    ScanKeyData key;
    ScanKeyInit(&key, rollup_id, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(rollup));
    RowScan scan;
    begin_rows(&scan, table_oid(Table::rollup_state), index_oid("rollup_state_pkey"), false, 1, &key, snapshot);
    HeapTuple tuple = next_row(&scan);
    ArrayType *since = nullptr, *until = nullptr;
    if (HeapTupleIsValid(tuple)) {
        const Row<column_count> row(tuple, RelationGetDescr(scan.relation));
        since = row.null(lost_since) ? nullptr : DatumGetArrayTypePCopy(row.datum(lost_since));
        until = row.null(lost_until) ? nullptr : DatumGetArrayTypePCopy(row.datum(lost_until));
        end_rows(&scan);
    }
    Lost lost;
    for (int i = 0; i < level_count; ++i)
        lost.levels[i] = {element(since, i, DT_NOEND), element(until, i, DT_NOBEGIN)};
    return lost;
}

bool read_state(int32 rollup, Snapshot snapshot, RollupState *state) {
    ScanKeyData key;
    ScanKeyInit(&key, rollup_id, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(rollup));
    RowScan scan;
    begin_rows(&scan, table_oid(Table::rollup_state), index_oid("rollup_state_pkey"), false, 1, &key, snapshot);
    HeapTuple tuple = next_row(&scan);
    if (!HeapTupleIsValid(tuple))
        return false;
    *state = state_of({tuple, RelationGetDescr(scan.relation)});
    end_rows(&scan);
    return true;
}

Array<RollupState> read_states(Snapshot snapshot) {
    Array<RollupState> found = {};
    RowScan scan;
    begin_rows(&scan, table_oid(Table::rollup_state), InvalidOid, false, 0, nullptr, snapshot);
    while (HeapTuple tuple = next_row(&scan))
        found.add(state_of({tuple, RelationGetDescr(scan.relation)}));
    const auto by_rollup = [](const RollupState &a, const RollupState &b) { return a.rollup < b.rollup; };
    std::sort(found.begin(), found.end(), by_rollup);
    Array<RollupState> states = {};
    for (const RollupSource &rollup : list_rollups(snapshot)) {
        const RollupState none = {rollup.id, Backfill::none, 0, DT_NOBEGIN, DT_NOBEGIN, DT_NOBEGIN, DT_NOEND};
        const RollupState *state = std::lower_bound(found.begin(), found.end(), none, by_rollup);
        states.add(state != found.end() && state->rollup == rollup.id ? *state : none);
    }
    return states;
}

bool is_retention_due(int32 rollup) {
    static Prepared statement = {"SELECT FROM topk.rollup_state WHERE rollup = $1"
                                 " AND coalesce(retained_at, '-infinity') < now() - interval '1 hour'"};
    return execute(&statement, {Value::int4(rollup)}) != 0;
}

void insert_state(int32 rollup, Backfill backfill) {
    execute("INSERT INTO topk.rollup_state (rollup, backfill, counted_since) VALUES ($1, $2, now())",
            {Value::int4(rollup), backfill_value(backfill)});
}

void delete_state(int32 rollup) { execute("DELETE FROM topk.rollup_state WHERE rollup = $1", {Value::int4(rollup)}); }

void add_fold(int32 rollup, const FoldTotals &totals, TimestampTz started, const LevelChange &change) {
    static Prepared statement = {
        "INSERT INTO topk.rollup_state AS s (rollup, events, weight, late, rejected, overflowed, folds, last_fold,"
        " last_fold_duration, level_windows, level_bytes)"
        " VALUES ($1, $2, $3, $4, $5, $6, 1, $7, clock_timestamp() - $7, $8, $9)"
        " ON CONFLICT (rollup) DO UPDATE SET events = s.events + $2,"
        " weight = s.weight + $3, late = s.late + $4,"
        " rejected = s.rejected + $5, overflowed = s.overflowed + $6, folds = s.folds + 1, last_fold = $7,"
        " last_fold_duration = clock_timestamp() - $7, failures = 0, retry_at = NULL,"
        " level_windows = topk.add_by_level(s.level_windows, $8), level_bytes = topk.add_by_level(s.level_bytes, $9)"};
    execute(&statement, {Value::int4(rollup), Value::int8(totals.events), weight_value(totals.weight),
                         Value::int8(totals.late), Value::int8(totals.rejected), Value::int8(totals.overflowed),
                         Value::time(started), by_level(change.windows), by_level(change.bytes)});
}

int64 add_state(int32 rollup, const char *json) {
    execute("INSERT INTO topk.rollup_state (rollup) VALUES ($1) ON CONFLICT DO NOTHING", {Value::int4(rollup)});
    execute("UPDATE topk.rollup_state AS s SET events = s.events + o.events, weight = s.weight + o.weight,"
            " late = s.late + o.late, rejected = s.rejected + o.rejected, overflowed = s.overflowed + o.overflowed,"
            " lost_since = ARRAY(SELECT least(a, b) FROM unnest(s.lost_since, o.lost_since) WITH ORDINALITY AS u (a, b, i)"
            " ORDER BY i),"
            " lost_until = ARRAY(SELECT greatest(a, b) FROM unnest(s.lost_until, o.lost_until)"
            " WITH ORDINALITY AS u (a, b, i) ORDER BY i)"
            " FROM json_populate_record(NULL::topk.rollup_state, $2::json) AS o WHERE s.rollup = $1 RETURNING o.events",
            {Value::int4(rollup), Value::string(json)});
    return DatumGetInt64(result_value(0, 1));
}

void subtract_counts(int32 rollup, int64 events, int128 weight) {
    execute("UPDATE topk.rollup_state SET events = greatest(events - $2, 0), weight = greatest(weight - $3, 0)"
            " WHERE rollup = $1",
            {Value::int4(rollup), Value::int8(events), weight_value(weight)});
}

void add_level_change(int32 rollup, const LevelChange &change) {
    execute("UPDATE topk.rollup_state SET level_windows = topk.add_by_level(level_windows, $2),"
            " level_bytes = topk.add_by_level(level_bytes, $3) WHERE rollup = $1",
            {Value::int4(rollup), by_level(change.windows), by_level(change.bytes)});
}

void write_lost(int32 rollup, const Lost &lost) {
    TimestampTz since[level_count], until[level_count];
    for (int i = 0; i < level_count; ++i) {
        since[i] = lost.levels[i].start;
        until[i] = lost.levels[i].stop;
    }
    static Prepared statement = {"UPDATE topk.rollup_state SET lost_since = $2, lost_until = $3 WHERE rollup = $1"};
    execute(&statement, {Value::int4(rollup), by_level(since, TIMESTAMPTZOID), by_level(until, TIMESTAMPTZOID)});
}

void add_retention(int32 rollup, const LevelChange &change, const Lost &lost) {
    add_level_change(rollup, change);
    write_lost(rollup, lost);
    static Prepared statement = {"UPDATE topk.rollup_state SET retained_at = now() WHERE rollup = $1"};
    execute(&statement, {Value::int4(rollup)});
}

void ask_for_retention(int32 rollup) {
    execute("UPDATE topk.rollup_state SET retained_at = NULL WHERE rollup = $1", {Value::int4(rollup)});
}

void add_failure(int32 rollup) {
    execute("INSERT INTO topk.rollup_state AS s (rollup, failures, retry_at)"
            " SELECT r.id, 1, clock_timestamp() + interval '2 s' FROM topk.rollup AS r WHERE r.id = $1"
            " ON CONFLICT (rollup) DO UPDATE SET failures = s.failures + 1,"
            " retry_at = clock_timestamp() + least(2 ^ least(s.failures + 1, 20), 300) * interval '1 s'",
            {Value::int4(rollup)});
}

void clear_failures(int32 rollup) {
    execute("UPDATE topk.rollup_state SET failures = 0, retry_at = NULL WHERE rollup = $1 AND failures > 0",
            {Value::int4(rollup)});
}

void mark_backfill_started(int32 rollup) {
    execute("UPDATE topk.rollup_state SET backfill = $2, backfill_at = clock_timestamp()"
            " WHERE rollup = $1 AND backfill IN ($2, $3)",
            {Value::int4(rollup), backfill_value(Backfill::running), backfill_value(Backfill::wanted)});
}

void forget_backfill_tries(int32 rollup) {
    execute("UPDATE topk.rollup_state SET backfill_tries = 0 WHERE rollup = $1 AND backfill_tries > 0",
            {Value::int4(rollup)});
}

void mark_backfill_done(int32 rollup) {
    execute("UPDATE topk.rollup_state SET backfill = $2, failures = 0, retry_at = NULL,"
            " backfill_tries = 0, backfill_at = NULL WHERE rollup = $1",
            {Value::int4(rollup), backfill_value(Backfill::done)});
}

void extend_counted(int32 rollup, TimestampTz since, TimestampTz until) {
    execute(
        "UPDATE topk.rollup_state SET counted_since = $2 WHERE rollup = $1 AND counted_since > $2 AND counted_since <= $3",
        {Value::int4(rollup), Value::time(since), Value::time(until)});
}

void mark_backfill_failed(int32 rollup, bool try_again) {
    execute("UPDATE topk.rollup_state SET backfill = CASE WHEN $2 AND backfill_tries < 9 THEN $3 ELSE $4 END,"
            " backfill_tries = backfill_tries + 1,"
            " backfill_at = clock_timestamp() + least(10 * 2 ^ least(backfill_tries, 20), 3600) * interval '1 s'"
            " WHERE rollup = $1",
            {Value::int4(rollup), Value::boolean(try_again), backfill_value(Backfill::wanted),
             backfill_value(Backfill::failed)});
}

} // namespace topk::catalog
