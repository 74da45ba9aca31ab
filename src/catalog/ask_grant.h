// topk.ask_grant: the roles that the owner of a source lets ask a rollup without SELECT on the source.
#pragma once

#include "../pg/array.h"
#include "scan.h"

namespace topk::catalog {

struct AskGrant {
    int32 rollup;
    Oid role;       // it may have been dropped: a right without a role, which no new role gets
    ArrayType *grp; // the only group that the role may ask for; nullptr: it may ask for everything
};

// The rights of a rollup, or of all rollups (nullptr), as they are committed now.
Array<AskGrant> list_grants(const int32 *rollup);

// Within as_owner().

void insert_grant(const AskGrant &grant);     // does nothing if the role has it
uint64 delete_grant(const AskGrant &grant);   // returns how many there were, as the next function does
uint64 delete_grants(int32 rollup, Oid role); // of everything, and of all groups
void delete_grants(int32 rollup);             // all of a rollup that is dropped
void delete_grants_of_dropped_roles();

// Returns the rights of a rollup as JSON, with the names of roles; nullptr: there are none. The string outlives the bracket.
char *describe_grants(int32 rollup);
// Gives a rollup the rights that describe_grants() has returned on another node, and no others. Returns the name of a role
// that is missing here and gets none; nullptr: there is none.
const char *copy_grants(int32 rollup, const char *json);

} // namespace topk::catalog
