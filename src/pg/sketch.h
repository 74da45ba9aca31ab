// Functions that both sketch types share: the forms of their SQL values, and the SQL functions that only move states.
//
// A value has one of two forms. The stored form has the bytes of the core's format; users, tables and clients get only this
// form. The live form is the memory of a state while an aggregate builds it. Live values pass only between the support
// functions of an aggregate, within a server; all other functions pack a value before they return it.
#pragma once

#include "function.h"
#include "guard.h"
#include "item_arg.h"

namespace topk::pg {

struct Bytes {
    const uint8_t *data;
    size_t size;
};

[[noreturn]] void raise_not_in_aggregate(const char *type_name);

inline void require_aggregate(FunctionCallInfo fcinfo, const char *type_name) {
    // An aggregate of the executor is recognized without a call; the function recognizes other callers.
    if (fcinfo->context != nullptr && IsA(fcinfo->context, AggState)) [[likely]]
        return;
    if (!AggCheckCallContext(fcinfo, nullptr))
        raise_not_in_aggregate(type_name);
}

// Returns the state inside a live value, or nullptr if the value is in stored form.
template <class Sketch>
Sketch *as_live(Datum value) {
    auto *v = reinterpret_cast<struct varlena *>(DatumGetPointer(value));
    if (!VARATT_IS_4B_U(v) || VARSIZE(v) < sizeof(Sketch))
        return nullptr;
    auto *sketch = reinterpret_cast<Sketch *>(v);
    return sketch->is_live() ? sketch : nullptr;
}

template <class Sketch>
Datum live_value(Sketch *sketch) {
    SET_VARSIZE(sketch, sketch->block_size());
    return PointerGetDatum(sketch);
}

// Returns the result of a transition function: the state that it was given, or the state in its new place.
template <class Sketch>
Datum working_value(FunctionCallInfo fcinfo, Sketch *sketch) {
    if (!PG_ARGISNULL(0) && PG_GETARG_POINTER(0) == reinterpret_cast<char *>(sketch)) [[likely]]
        return PG_GETARG_DATUM(0);
    return live_value(sketch);
}

// Returns the stored form of a live state.
template <class Sketch>
struct varlena *pack(const Sketch *sketch) {
    auto *value = static_cast<struct varlena *>(palloc(VARHDRSZ + Sketch::Stored::packed_bound(*sketch)));
    size_t size = 0;
    guarded([&] { size = Sketch::Stored::pack(*sketch, reinterpret_cast<uint8_t *>(VARDATA(value))); });
    SET_VARSIZE(value, VARHDRSZ + size);
    return value;
}

inline Bytes bytes_of(const struct varlena *value) {
    return {reinterpret_cast<const uint8_t *>(VARDATA_ANY(value)), VARSIZE_ANY_EXHDR(value)};
}

// Returns the value in stored form, detoasted.
template <class Sketch>
struct varlena *stored_value(Datum value) {
    struct varlena *v = pg_detoast_datum(reinterpret_cast<struct varlena *>(DatumGetPointer(value)));
    if (const Sketch *live = as_live<Sketch>(PointerGetDatum(v)))
        return pack(live);
    return v;
}

// Returns a new live state with the content of stored bytes.
template <class Sketch>
Sketch *load(Bytes bytes) {
    typename Sketch::Layout layout;
    guarded([&] { layout = Sketch::load_layout(typename Sketch::Stored(bytes.data, bytes.size).shape()); });
    Sketch *sketch = Sketch::create(palloc(layout.size), layout);
    guarded([&] { sketch->merge(typename Sketch::Stored(bytes.data, bytes.size)); });
    return sketch;
}

// Merges stored bytes into a state, which moves if it lacks room. `more` is passed to merge() of the core.
template <class Sketch, class... More>
Sketch *merge(Sketch *sketch, Bytes source, const More &...more) {
    bool fits = true;
    typename Sketch::Layout layout;
    guarded([&] {
        const auto shape = typename Sketch::Stored(source.data, source.size).shape();
        fits = sketch->fits(shape);
        if (!fits)
            layout = sketch->merge_layout(shape);
    });
    if (!fits)
        sketch = Sketch::relocate(*sketch, palloc(layout.size), layout);
    guarded([&] { sketch->merge(typename Sketch::Stored(source.data, source.size), more...); });
    return sketch;
}

// Counts an item, and moves the state if it lacks room. `more` is passed to insert() of the core.
template <class Sketch, class... More>
[[gnu::noinline]] Sketch *insert(Sketch *sketch, const typename Sketch::Key &item, uint64_t weight, const More &...more) {
    for (;;) {
        bool done = false;
        typename Sketch::Layout layout;
        guarded([&] {
            done = sketch->insert(item, weight, more...);
            if (!done)
                layout = sketch->grown_layout(item);
        });
        if (done)
            return sketch;
        sketch = Sketch::relocate(*sketch, palloc(layout.size), layout);
    }
}

template <class Sketch>
Sketch *count(Sketch *sketch, const typename Sketch::Key &item, uint64_t weight) {
    if (sketch->count(item, weight)) [[likely]]
        return sketch;
    return insert(sketch, item, weight);
}

// sketch_add(sketch, item [, weight]).
template <class Sketch, Kind kind>
Datum add(FunctionCallInfo fcinfo) {
    const uint64_t weight = read_weight(fcinfo, 2);
    ItemBytes bytes;
    read_item<kind>(PG_GETARG_DATUM(1), bytes);
    Sketch *sketch = load<Sketch>(bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(0))));
    guarded([&] { sketch->require_kind(kind); });
    if (weight != 0)
        sketch = count(sketch, sketch->key_of(bytes.data, bytes.length), weight);
    PG_RETURN_POINTER(pack(sketch));
}

// sketch_merge(sketch, sketch).
template <class Sketch>
Datum merge_values(FunctionCallInfo fcinfo) {
    Sketch *sketch = load<Sketch>(bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(0))));
    sketch = merge(sketch, bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(1))));
    PG_RETURN_POINTER(pack(sketch));
}

// The combine function of every aggregate, and the transition function of those that merge.
template <class Sketch>
Datum combine(FunctionCallInfo fcinfo) {
    require_aggregate(fcinfo, Sketch::type_name);
    CHECK_FOR_INTERRUPTS();
    if (PG_ARGISNULL(1)) {
        if (PG_ARGISNULL(0))
            PG_RETURN_NULL();
        PG_RETURN_DATUM(PG_GETARG_DATUM(0));
    }
    if (PG_ARGISNULL(0)) // the executor copies it, so the code below never changes a value of a table
        PG_RETURN_POINTER(PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
    Sketch *sketch = as_live<Sketch>(PG_GETARG_DATUM(0));
    if (sketch == nullptr)
        sketch = load<Sketch>(bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(0))));
    sketch = merge(sketch, bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(1))));
    return live_value(sketch);
}

template <class Sketch>
Datum final_value(FunctionCallInfo fcinfo) {
    require_aggregate(fcinfo, Sketch::type_name);
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    PG_RETURN_POINTER(stored_value<Sketch>(PG_GETARG_DATUM(0)));
}

} // namespace topk::pg
