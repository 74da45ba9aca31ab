// The settings and the session: expressions may read the former, which are pinned, and not the latter.
#pragma once

#include "../pg/executor.h"
#include "settings.h"

namespace topk::catalog {

// Returns the name of a function in the expression that tells one session, user or transaction from another: CURRENT_USER,
// current_setting and their like; nullptr if there is none. The time of the transaction is not such a thing.
const char *find_session_function(Node *expression);

// The settings on which the result can depend. They must be pinned where the expression runs.
Settings read_settings(Node *expression);

} // namespace topk::catalog
