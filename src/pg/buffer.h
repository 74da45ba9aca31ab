// Includes PostgreSQL's buffer manager like pg.h, as that of 16 has a function that does not use its parameter.
#pragma once

#include "pg.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
extern "C" {
#include "storage/bufmgr.h"
}
#pragma GCC diagnostic pop
