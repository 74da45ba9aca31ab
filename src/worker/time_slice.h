// The time slice of this process (README.md).
#pragma once

namespace topk::worker {

// Asks the operating system for slices of so many ms; 0: for those that it gives by itself. Does nothing where the system
// has no such request (Linux before 6.12, other systems) or refuses it.
void set_time_slice(double ms);

} // namespace topk::worker
