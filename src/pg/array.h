// An array that grows. It has no destructor: zeroed memory is an empty array, and its memory context frees it.
#pragma once

#include <algorithm>

#include "pg.h"

namespace topk::pg {

template <class T>
struct Array {
    T *elements;
    int count;
    int room;

    T &operator[](int i) { return elements[i]; }
    const T &operator[](int i) const { return elements[i]; }
    T *begin() { return elements; }
    T *end() { return elements + count; }
    const T *begin() const { return elements; }
    const T *end() const { return elements + count; }

    // Makes room for n more elements. They are in the memory context that is current at the first call.
    void reserve(int n) {
        if (room - count >= n)
            return;
        room = std::max({16, 2 * room, count + n});
        const Size size = static_cast<Size>(room) * sizeof(T);
        elements = static_cast<T *>(elements == nullptr ? MemoryContextAllocHuge(CurrentMemoryContext, size)
                                                        : repalloc_huge(elements, size));
    }

    T &add(const T &value) {
        reserve(1);
        return elements[count++] = value;
    }
};

} // namespace topk::pg
