#include "pg.h"

extern "C" {
#pragma GCC visibility push(default) // the server looks it up by name
#ifdef PG_MODULE_MAGIC_EXT           // from 18 on: shown by pg_get_loaded_modules()
PG_MODULE_MAGIC_EXT(.name = "pg_topk", .version = "1.0");
#else
PG_MODULE_MAGIC;
#endif
#pragma GCC visibility pop
}
