#include "pg.h"

extern "C" {
#pragma GCC visibility push(default) // the server looks it up by name
PG_MODULE_MAGIC;
#pragma GCC visibility pop
}
