// INSERTs that wait for folds which have fallen behind (README.md).
#pragma once

#include "../pg/pg.h"

namespace topk::worker {

// Sets the hooks of statements that write the log and of answers.
void use_insert_delay();
// This backend has committed so many bytes since the round began.
void count_written(uint32 round, uint64 bytes);

} // namespace topk::worker
