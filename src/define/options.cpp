#include "options.h"

#include "../catalog/calendar.h"
#include "../core/cms_format.h"
#include "../pg/guard.h"

extern "C" {
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
}

namespace topk::define {
namespace {

struct Kept {
    const char *what;
    const char *time;
};
constexpr Kept defaults[] = {{"tile", "62 days"},   {"hour", "62 days"},     {"day", "400 days"},  {"week", "800 days"},
                             {"month", "10 years"}, {"quarter", "10 years"}, {"year", "10 years"}, {"snapshot", "400 days"}};
constexpr int kept_count = lengthof(defaults);

int compare(const Interval *a, const Interval *b) {
    return DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(a), IntervalPGetDatum(b)));
}

bool is_negative(const Interval *value) {
    const Interval zero = {};
    return compare(value, &zero) < 0;
}

// interval_in() would do, but has errcodes of its own.
bool decode_interval(char *text, Interval *value) {
    char work[256];
    char *fields[MAXDATEFIELDS];
    int types[MAXDATEFIELDS];
    int count, kind;
    struct pg_itm_in parts = {};
    int code = ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS, &count);
    if (code == 0)
        code = DecodeInterval(fields, types, count, INTERVAL_FULL_RANGE, &kind, &parts);
    if (code == DTERR_BAD_FORMAT)
        code = DecodeISO8601Interval(text, &kind, &parts);
    return code == 0 && kind == DTK_DELTA && itmin2interval(&parts, value) == 0;
}

Interval *parse_interval(const char *what, char *text) {
    auto *value = static_cast<Interval *>(palloc(sizeof(Interval)));
    if (!decode_interval(text, value))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid input syntax for type interval: \"%s\"", text),
                 errdetail("It is the field \"%s\" of retention.", what)));
    if (is_negative(value))
        raise_parameter("retention must not be negative");
    return value;
}

int find_kept(const JsonbValue *key) {
    for (int i = 0; i < kept_count; ++i)
        if (strlen(defaults[i].what) == static_cast<size_t>(key->val.string.len) &&
            memcmp(defaults[i].what, key->val.string.val, key->val.string.len) == 0)
            return i;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("unknown field \"%s\" of retention", pnstrdup(key->val.string.val, key->val.string.len)),
                    errhint("The fields are tile, hour, day, week, month, quarter, year and snapshot.")));
    pg_unreachable();
}

void read_given(struct varlena *given, Interval **values) {
    Jsonb *object = DatumGetJsonbP(PointerGetDatum(given));
    if (!JB_ROOT_IS_OBJECT(object))
        raise_parameter("retention must be a JSON object");
    JsonbIterator *iterator = JsonbIteratorInit(&object->root);
    JsonbValue value;
    int field = 0;
    for (;;) {
        const JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);
        if (token == WJB_DONE)
            return;
        if (token == WJB_KEY)
            field = find_kept(&value);
        if (token != WJB_VALUE)
            continue;
        if (value.type != jbvString)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("field \"%s\" of retention must be an interval as a JSON string", defaults[field].what)));
        values[field] = parse_interval(defaults[field].what, pnstrdup(value.val.string.val, value.val.string.len));
    }
}

} // namespace

void raise_parameter(const char *message) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message)));
    pg_unreachable();
}

int64 checked_grain(const Interval *grain) {
    if (grain->month != 0 || grain->day != 0 || grain->time < USECS_PER_MINUTE || grain->time > USECS_PER_HOUR ||
        USECS_PER_HOUR % grain->time != 0)
        raise_parameter("grain must be between 1 minute and 1 hour and divide an hour");
    return grain->time;
}

void check_windows(ArrayType *windows, bool *chosen) {
    Datum *given;
    bool *nulls;
    int count;
    deconstruct_array(windows, TEXTOID, -1, false, TYPALIGN_INT, &given, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        if (nulls[i])
            raise_parameter("windows must not contain null");
        const char *name = TextDatumGetCString(given[i]);
        int level = static_cast<int>(Level::hour);
        while (level < level_count && strcmp(name, level_name(static_cast<Level>(level))) != 0)
            ++level;
        if (level == level_count)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown window \"%s\"", name),
                            errhint("The windows are hour, day, week, month, quarter and year.")));
        if (chosen[level])
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("window \"%s\" is given twice", name)));
        chosen[level] = true;
    }
    if (count == 0)
        raise_parameter("windows must not be empty");
}

Retention checked_retention(struct varlena *given, struct varlena *present) {
    Interval *values[kept_count] = {};
    for (struct varlena *fields : {present, given})
        if (fields != nullptr)
            read_given(fields, values);
    StringInfoData json;
    initStringInfo(&json);
    Retention result = {};
    for (int i = 0; i < kept_count; ++i) {
        if (values[i] == nullptr)
            values[i] = parse_interval(defaults[i].what, pstrdup(defaults[i].time));
        if (compare(values[i], &result.longest) > 0)
            result.longest = *values[i];
        appendStringInfo(&json, "%c\"%s\":", i == 0 ? '{' : ',', defaults[i].what);
        escape_json(&json, DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(values[i]))));
    }
    appendStringInfoChar(&json, '}');
    result.jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
    return result;
}

int32 checked_range(const char *parameter, int32 value, int32 least, int32 most) {
    if (value < least || value > most)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be between %d and %d", parameter, least, most)));
    return value;
}

int32 checked_k(int32 k, uint32_t capacity) {
    checked_range("k", k, 1, 10000);
    if (static_cast<uint32_t>(k) > capacity)
        raise_parameter("k must not be greater than capacity");
    return k;
}

int32 checked_max_groups(int32 max_groups) { return checked_range("max_groups", max_groups, 1, 1000000); }

void check_sketch(int32 width, int32 depth) {
    CmsParameters parameters;
    parameters.width = static_cast<uint32_t>(Max(width, 0));
    parameters.depth = static_cast<uint32_t>(Max(depth, 0));
    if (width != 0)
        pg::guarded([&] { parameters.check(); });
    else
        checked_range("depth", depth, 1, CmsParameters::max_depth);
}

const Interval *checked_interval(const char *parameter, const Interval *value) {
    if (is_negative(value))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be negative", parameter)));
    return value;
}

} // namespace topk::define
