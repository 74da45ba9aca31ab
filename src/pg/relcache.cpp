#include "relcache.h"

namespace topk::pg {
namespace {

constexpr int most = 4;
void (*functions[most])(Oid);
int count = 0;

void call_all(Datum, Oid relation) {
    for (int i = 0; i < count; ++i)
        functions[i](relation);
}

} // namespace

void on_relation_change(void (*function)(Oid)) {
    if (count == most)
        elog(ERROR, "too many caches");
    if (count == 0)
        CacheRegisterRelcacheCallback(call_all, (Datum)0);
    functions[count++] = function;
}

} // namespace topk::pg
