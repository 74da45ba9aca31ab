// The SQL functions of type spacesaving and the support functions of spacesaving_agg and topk_agg.
#include "../core/spacesaving_format.h"
#include "function.h"
#include "sketch_io.h"
#include "top_entries.h"

namespace topk::pg {
namespace {

constexpr int32 max_k = 10000;

// With this capacity, the top k is right even for data as flat as Zipf 0.8 (docs/accuracy.md).
constexpr uint32_t capacity_for_k(int32 k) { return std::max<uint32_t>(1000, 20 * k); }

[[noreturn]] void raise_parameter(const char *message) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message)));
    pg_unreachable();
}

int32 checked_k(int32 k) {
    if (k < 1 || k > max_k)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be between 1 and %d", max_k)));
    return k;
}

// Returns a new state, with room for a first item of `length` bytes.
SpaceSaving *create(uint32_t capacity, uint32_t k, Kind kind, size_t length) {
    SpaceSaving::Layout layout;
    guarded([&] { layout = SpaceSaving::initial_layout(capacity, length); });
    SpaceSaving *summary = SpaceSaving::create(palloc(layout.size), layout, k);
    guarded([&] { summary->require_kind(kind); });
    return summary;
}

// The parameter of topk_agg is k, that of spacesaving_agg is the capacity. A state keeps the parameter of its first row.
enum class Parameter { k, capacity };

template <Parameter parameter>
SpaceSaving *create(int32 value, Kind kind, size_t length) {
    if constexpr (parameter == Parameter::k)
        return create(capacity_for_k(checked_k(value)), static_cast<uint32_t>(value), kind, length);
    if (value < 1)
        value = 0; // the core refuses 0 as out of range, as it would a negative number
    return create(static_cast<uint32_t>(value), 0, kind, length);
}

template <Parameter parameter>
void require_same(const SpaceSaving *summary, int32 value) {
    const uint32_t current = parameter == Parameter::k ? summary->k() : summary->capacity();
    if (current != static_cast<uint32_t>(value)) [[unlikely]]
        raise_parameter(parameter == Parameter::k ? "k must be the same for all rows of a group"
                                                  : "capacity must be the same for all rows of a group");
}

// sfunc(state, item, k or capacity [, weight]).
template <Parameter parameter, Kind kind>
Datum accumulate(FunctionCallInfo fcinfo) {
    require_aggregate(fcinfo, SpaceSaving::type_name);
    if (PG_ARGISNULL(1) || (PG_NARGS() > 3 && PG_ARGISNULL(3))) {
        if (PG_ARGISNULL(0))
            PG_RETURN_NULL();
        PG_RETURN_DATUM(PG_GETARG_DATUM(0));
    }
    if (PG_ARGISNULL(2)) [[unlikely]]
        raise_parameter(parameter == Parameter::k ? "k must not be null" : "capacity must not be null");
    const int32 value = PG_GETARG_INT32(2);
    const uint64_t weight = read_weight(fcinfo, 3);
    ItemBytes bytes;
    read_item<kind>(PG_GETARG_DATUM(1), bytes);

    SpaceSaving *summary;
    if (PG_ARGISNULL(0)) [[unlikely]] {
        summary = create<parameter>(value, kind, bytes.length);
    } else {
        summary = as_live<SpaceSaving>(PG_GETARG_DATUM(0));
        if (summary == nullptr) [[unlikely]]
            summary = load<SpaceSaving>(bytes_of(stored_value<SpaceSaving>(PG_GETARG_DATUM(0))));
        require_same<parameter>(summary, value);
        if (summary->kind() != kind) [[unlikely]]
            guarded([&] { summary->require_kind(kind); });
    }
    if (weight != 0) [[likely]]
        summary = count(summary, summary->key_of(bytes.data, bytes.length), weight);
    return working_value(fcinfo, summary);
}

void fill_entry(Kind kind, const Ranked &entry, uint32_t rank, Datum *values) {
    values[0] = Int32GetDatum(static_cast<int32>(rank));
    values[1] = PointerGetDatum(item_to_text(kind, entry.key, entry.length));
    values[2] = Int64GetDatum(static_cast<int64>(entry.count));
    values[3] = Int64GetDatum(static_cast<int64>(entry.error));
    values[4] = BoolGetDatum(entry.guaranteed);
}

// The header of a stored summary, for functions that read it, as no object of the core may outlive a guard.
struct Summary {
    Bytes bytes;
    Kind kind;
    uint64_t total;
    uint64_t floor;
    uint32_t capacity;
    uint32_t k;
    uint32_t size;
};

Summary read_summary(Bytes bytes) {
    Summary s;
    s.bytes = bytes;
    guarded([&] {
        const StoredSpaceSaving stored(bytes.data, bytes.size);
        s.kind = stored.kind();
        s.total = stored.total();
        s.floor = stored.floor();
        s.capacity = stored.capacity();
        s.k = stored.k();
        s.size = stored.size();
    });
    return s;
}

Ranked *allocate_entries(uint32_t n) { return static_cast<Ranked *>(palloc((size_t{n} + 1) * sizeof(Ranked))); }

uint32_t read_top(const Summary &s, uint32_t k, Ranked **entries) {
    uint32_t n = std::min(k, s.size);
    *entries = allocate_entries(n);
    guarded([&] { n = StoredSpaceSaving(s.bytes.data, s.bytes.size).top(n, *entries); });
    return n;
}

ArrayType *entry_array(const Summary &s, uint32_t k, Oid entry_type) {
    Ranked *entries;
    const uint32_t n = read_top(s, k, &entries);
    TupleDesc descriptor = lookup_rowtype_tupdesc(entry_type, -1);
    auto *rows = static_cast<Datum *>(palloc(n * sizeof(Datum) + 1));
    for (uint32_t i = 0; i < n; ++i) {
        Datum values[5];
        bool nulls[5] = {};
        fill_entry(s.kind, entries[i], i + 1, values);
        rows[i] = HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
    }
    ReleaseTupleDesc(descriptor);
    return construct_array(rows, static_cast<int>(n), entry_type, -1, false, TYPALIGN_DOUBLE);
}

// The final function of topk_agg, which returns topk_entry[]. It uses only the state, as Citus passes nothing else.
Datum topk_final_value(FunctionCallInfo fcinfo) {
    require_aggregate(fcinfo, SpaceSaving::type_name);
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const Summary s = read_summary(bytes_of(stored_value<SpaceSaving>(PG_GETARG_DATUM(0))));
    PG_RETURN_ARRAYTYPE_P(entry_array(s, s.k, get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid))));
}

Datum return_entries(FunctionCallInfo fcinfo, const Summary &s, const Ranked *entries, uint32_t n) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    for (uint32_t i = 0; i < n; ++i) {
        Datum values[5];
        bool nulls[5] = {};
        fill_entry(s.kind, entries[i], i + 1, values);
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

Summary summary_argument(FunctionCallInfo fcinfo) {
    return read_summary(bytes_of(stored_value<SpaceSaving>(PG_GETARG_DATUM(0))));
}

template <Kind kind>
Datum frequency(FunctionCallInfo fcinfo) {
    ItemBytes bytes;
    read_item<kind>(PG_GETARG_DATUM(1), bytes);
    const Summary s = summary_argument(fcinfo);
    require_item_kind(SpaceSaving::type_name, s.kind, kind);
    Frequency f{};
    guarded([&] { f = StoredSpaceSaving(s.bytes.data, s.bytes.size).frequency(Item(bytes.data, bytes.length)); });
    return frequency_row(fcinfo, f);
}

Datum top(FunctionCallInfo fcinfo) {
    const int32 k = PG_GETARG_INT32(1);
    if (k < 1)
        raise_parameter("k must be positive");
    const Summary s = summary_argument(fcinfo);
    Ranked *entries;
    const uint32_t n = read_top(s, static_cast<uint32_t>(k), &entries);
    return return_entries(fcinfo, s, entries, n);
}

Datum heavy_hitters(FunctionCallInfo fcinfo) {
    const float8 share = PG_GETARG_FLOAT8(1);
    if (!(share > 0 && share <= 1))
        raise_parameter("share must be greater than 0 and at most 1");
    const Summary s = summary_argument(fcinfo);
    const uint64_t threshold = weight_of_share(share, s.total);
    if (s.floor != 0 && threshold <= s.floor) // without a floor no item can be missing, even if the total is 0
        ereport(WARNING,
                (errmsg("items with a share of %g may be missing", share),
                 errdetail("An item that is not monitored can have a weight of up to " UINT64_FORMAT ", a share of %g.",
                           s.floor, static_cast<double>(s.floor) / s.total),
                 errhint("Use a larger share, or build the summary with a larger capacity.")));
    Ranked *entries = allocate_entries(s.size);
    uint32_t n = 0;
    guarded([&] { n = StoredSpaceSaving(s.bytes.data, s.bytes.size).at_least(threshold, entries); });
    return return_entries(fcinfo, s, entries, n);
}

Datum empty(FunctionCallInfo fcinfo) {
    const int32 capacity = PG_GETARG_INT32(0);
    PG_RETURN_POINTER(pack(create<Parameter::capacity>(capacity, Kind::none, 0)));
}

} // namespace

ArrayType *top_entries(struct varlena *summary, int32 k, Oid entry_type) {
    const struct varlena *value = pg_detoast_datum_packed(summary);
    return entry_array(read_summary(bytes_of(value)), static_cast<uint32_t>(k), entry_type);
}

} // namespace topk::pg

using namespace topk;
using topk::pg::Parameter;

TOPK_TYPE_FUNCTIONS(spacesaving, SpaceSaving)
TOPK_FUNCTION(spacesaving_empty, pg::empty(fcinfo))
TOPK_FUNCTION(spacesaving_topk, pg::top(fcinfo))
TOPK_FUNCTION(spacesaving_heavy_hitters, pg::heavy_hitters(fcinfo))
TOPK_FUNCTION(spacesaving_total, Int64GetDatum(static_cast<int64>(pg::summary_argument(fcinfo).total)))
TOPK_FUNCTION(spacesaving_error_bound, Int64GetDatum(static_cast<int64>(pg::summary_argument(fcinfo).floor)))
TOPK_FUNCTION(spacesaving_capacity, Int32GetDatum(static_cast<int32>(pg::summary_argument(fcinfo).capacity)))
TOPK_FUNCTION(spacesaving_size, Int32GetDatum(static_cast<int32>(pg::summary_argument(fcinfo).size)))

TOPK_FUNCTION(topk_final, pg::topk_final_value(fcinfo))

#define SPACESAVING_ITEM_FUNCTIONS(kind)                                                                                    \
    TOPK_FUNCTION(spacesaving_accum_##kind, pg::accumulate<Parameter::capacity, Kind::kind>(fcinfo))                        \
    TOPK_FUNCTION(topk_accum_##kind, pg::accumulate<Parameter::k, Kind::kind>(fcinfo))                                      \
    TOPK_FUNCTION(spacesaving_add_##kind, pg::add<SpaceSaving, Kind::kind>(fcinfo))                                         \
    TOPK_FUNCTION(spacesaving_frequency_##kind, pg::frequency<Kind::kind>(fcinfo))

TOPK_FOR_EACH_KIND(SPACESAVING_ITEM_FUNCTIONS)
