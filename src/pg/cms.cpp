// The SQL functions of type cms and the support functions of cms_agg.
#include <cmath>

#include "../core/cms_format.h"
#include "sketch_io.h"

namespace topk::pg {
namespace {

enum class Shape { size, error }; // the arguments of an aggregate: width, depth, or error, confidence

// Reads (width, depth) or (error, confidence) from this position on; returns the default if the function has neither.
template <Shape shape>
CmsParameters read_parameters(FunctionCallInfo fcinfo, int position) {
    CmsParameters parameters;
    if (PG_NARGS() <= position)
        return parameters;
    if (PG_ARGISNULL(position) || PG_ARGISNULL(position + 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg(shape == Shape::size ? "width and depth must not be null"
                                                    : "error and confidence must not be null")));
    if constexpr (shape == Shape::size) {
        // The core refuses 0 as out of range, as it would a negative number.
        parameters.width = static_cast<uint32_t>(std::max(0, PG_GETARG_INT32(position)));
        parameters.depth = static_cast<uint32_t>(std::max(0, PG_GETARG_INT32(position + 1)));
        guarded([&] { parameters.check(); });
    } else {
        const double error = PG_GETARG_FLOAT8(position), confidence = PG_GETARG_FLOAT8(position + 1);
        guarded([&] { parameters = CmsParameters::for_error(error, confidence); });
    }
    return parameters;
}

CountMin *create(const CmsParameters &parameters) {
    CountMin::Layout layout;
    guarded([&] { layout = CountMin::initial_layout(parameters); });
    return CountMin::create(palloc(layout.size), layout);
}

// sfunc(state, item [, width, depth | error, confidence [, weight]]). A state keeps the shape of its first row.
template <Shape shape, Kind kind>
Datum accumulate(FunctionCallInfo fcinfo) {
    require_aggregate(fcinfo, CountMin::type_name);
    if (PG_ARGISNULL(1) || (PG_NARGS() > 4 && PG_ARGISNULL(4))) {
        if (PG_ARGISNULL(0))
            PG_RETURN_NULL();
        PG_RETURN_DATUM(PG_GETARG_DATUM(0));
    }
    const uint64_t weight = read_weight(fcinfo, 4);
    ItemBytes bytes;
    read_item<kind>(PG_GETARG_DATUM(1), bytes);

    CountMin *sketch;
    if (PG_ARGISNULL(0)) [[unlikely]] {
        sketch = create(read_parameters<shape>(fcinfo, 2));
        guarded([&] { sketch->require_kind(kind); });
    } else {
        sketch = as_live<CountMin>(PG_GETARG_DATUM(0));
        if (sketch == nullptr) [[unlikely]]
            sketch = load<CountMin>(bytes_of(stored_value<CountMin>(PG_GETARG_DATUM(0))));
        if (sketch->kind() != kind) [[unlikely]]
            guarded([&] { sketch->require_kind(kind); });
    }
    if (weight != 0) [[likely]]
        sketch = count(sketch, sketch->key_of(bytes.data, bytes.length), weight);
    return working_value(fcinfo, sketch);
}

// The header of a stored sketch, for functions that read it, as no object of the core may outlive a guard.
struct Sketch {
    Bytes bytes;
    Kind kind;
    CmsParameters parameters;
    uint64_t total;
    uint64_t error_bound;
};

Sketch sketch_argument(FunctionCallInfo fcinfo) {
    Sketch s;
    s.bytes = bytes_of(stored_value<CountMin>(PG_GETARG_DATUM(0)));
    guarded([&] {
        const StoredCms stored(s.bytes.data, s.bytes.size);
        s.kind = stored.kind();
        s.parameters = stored.parameters();
        s.total = stored.total();
        s.error_bound = stored.error_bound();
    });
    return s;
}

template <Kind kind>
Datum frequency(FunctionCallInfo fcinfo) {
    ItemBytes bytes;
    read_item<kind>(PG_GETARG_DATUM(1), bytes);
    const Sketch s = sketch_argument(fcinfo);
    require_item_kind(CountMin::type_name, s.kind, kind);
    Frequency f{};
    guarded([&] {
        const StoredCms stored(s.bytes.data, s.bytes.size);
        f = stored.frequency(stored.key_of(bytes.data, bytes.length));
    });
    return frequency_row(fcinfo, f);
}

Datum empty(FunctionCallInfo fcinfo) { PG_RETURN_POINTER(pack(create(read_parameters<Shape::size>(fcinfo, 0)))); }

} // namespace
} // namespace topk::pg

using namespace topk;
using topk::pg::Shape;

TOPK_TYPE_FUNCTIONS(cms, CountMin)
TOPK_FUNCTION(cms_empty, pg::empty(fcinfo))
TOPK_FUNCTION(cms_total, Int64GetDatum(static_cast<int64>(pg::sketch_argument(fcinfo).total)))
TOPK_FUNCTION(cms_width, Int32GetDatum(static_cast<int32>(pg::sketch_argument(fcinfo).parameters.width)))
TOPK_FUNCTION(cms_depth, Int32GetDatum(static_cast<int32>(pg::sketch_argument(fcinfo).parameters.depth)))
TOPK_FUNCTION(cms_error_bound, Int64GetDatum(static_cast<int64>(pg::sketch_argument(fcinfo).error_bound)))
TOPK_FUNCTION(cms_confidence,
              Float8GetDatum(-std::expm1(-static_cast<double>(pg::sketch_argument(fcinfo).parameters.depth))))

#define CMS_ITEM_FUNCTIONS(kind)                                                                                            \
    TOPK_FUNCTION(cms_accum_##kind, pg::accumulate<Shape::size, Kind::kind>(fcinfo))                                        \
    TOPK_FUNCTION(cms_accum_error_##kind, pg::accumulate<Shape::error, Kind::kind>(fcinfo))                                 \
    TOPK_FUNCTION(cms_add_##kind, pg::add<CountMin, Kind::kind>(fcinfo))                                                    \
    TOPK_FUNCTION(cms_frequency_##kind, pg::frequency<Kind::kind>(fcinfo))

TOPK_FOR_EACH_KIND(CMS_ITEM_FUNCTIONS)
