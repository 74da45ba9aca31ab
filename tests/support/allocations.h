// The heap memory that the test binary has allocated since its start.
#pragma once

#include <cstddef>

namespace support {

struct Allocations {
    size_t calls;
    size_t bytes;
};
Allocations allocations(); // defined beside the counting operator new in memory_test.cpp

} // namespace support
