// Changes of relations, for caches. PostgreSQL has room for ten callbacks in a session, those of its own and of all extensions
// together, and ends the session that needs one more. Citus alone takes five. So this library has one.
#pragma once

#include "pg.h"

extern "C" {
#include "utils/inval.h"
}

namespace topk::pg {

// Calls a function for each change of a relation, from now on; InvalidOid stands for all relations. At most four functions.
void on_relation_change(void (*function)(Oid relation));

} // namespace topk::pg
