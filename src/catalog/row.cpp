#include "row.h"

namespace topk::catalog {

void read_columns(HeapTuple tuple, TupleDesc descriptor, int count, Datum *values, bool *nulls) {
    if (descriptor->natts == count) [[likely]] {
        heap_deform_tuple(tuple, descriptor, values, nulls);
        return;
    }
    auto *all_values = static_cast<Datum *>(palloc(descriptor->natts * sizeof(Datum)));
    auto *all_nulls = static_cast<bool *>(palloc(descriptor->natts));
    heap_deform_tuple(tuple, descriptor, all_values, all_nulls);
    for (int i = 0; i < count; ++i) {
        nulls[i] = i >= descriptor->natts || all_nulls[i];
        values[i] = nulls[i] ? (Datum)0 : all_values[i];
    }
    pfree(all_values);
    pfree(all_nulls);
}

HeapTuple make_row(TupleDesc descriptor, int count, const Datum *values, const bool *nulls) {
    if (descriptor->natts == count) [[likely]]
        return heap_form_tuple(descriptor, const_cast<Datum *>(values), const_cast<bool *>(nulls));
    auto *all_values = static_cast<Datum *>(palloc0(descriptor->natts * sizeof(Datum)));
    auto *all_nulls = static_cast<bool *>(palloc(descriptor->natts));
    for (int i = 0; i < descriptor->natts; ++i) {
        all_nulls[i] = i >= count || nulls[i];
        all_values[i] = all_nulls[i] ? (Datum)0 : values[i];
    }
    HeapTuple tuple = heap_form_tuple(descriptor, all_values, all_nulls);
    pfree(all_values);
    pfree(all_nulls);
    return tuple;
}

} // namespace topk::catalog
