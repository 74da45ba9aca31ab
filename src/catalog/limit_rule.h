// topk.limit_rule: limits of what roles may insert.
#pragma once

#include "scan.h"

namespace topk::catalog {

struct LimitRule {
    int32 id;
    bool any_role;
    Oid role;                 // InvalidOid without any_role: there is no such role here
    const char *role_name;    // when the rule was written; nullptr with any_role
    Oid source;               // InvalidOid: any
    double events_per_second; // 0: no limit
    int64 burst;
    int32 item_bytes;     // 0: no limit
    int32 metadata_bytes; // 0: no limit
};

// Reads the rules as they are committed now.
void begin_limits(RowScan *scan);
// False at the end, which also ends the scan.
bool next_limit(RowScan *scan, LimitRule *rule);

// Within as_owner().

void insert_limit(const LimitRule &rule);
bool delete_limit(int32 id);       // false when the statement's snapshot sees none
void delete_limits_of(Oid source); // that has been dropped
// Updates the names of roles that were renamed, and the numbers of roles after a dump was restored.
void renew_limit_roles();

} // namespace topk::catalog
