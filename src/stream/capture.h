// Capture: the rows of one statement, counted for every rollup of their source. A capture that is begun must be finished, or
// its statement fail: one that is left over makes the commit fail, so that nothing is lost in silence.
#pragma once

#include "definition.h"

namespace topk::stream {

struct Capture;

enum class Ancestors { no, yes };

// Lives in a child of the current memory context. With ancestors, rows also count for the rollups of the partitioned tables
// that the relation is a partition of.
Capture *begin_capture(Relation relation, Ancestors ancestors);
// Does the same where the trigger has the definitions of that many rollups: for a shard, rows count for the rollups of its
// distributed table. Raises an error if this node does not have all of them, as the rows would not be counted.
Capture *begin_capture_of_shard(Relation relation, int definitions);
bool has_rollups(const Capture *capture);
// Once in a session, and after each change of the source: a warning per statement would flood the server's log.
void warn_without_rollups(const Capture *capture, Relation relation);
// Tells that so many rows will be captured, where that is known before the first: what a limit forbids fails here then.
void expect_rows(Capture *capture, int64 rows);
// Pins settings until the capture is finished, if the expressions read any, rather than for each row. Only where nothing
// else of the statement runs until then.
void pin_for_all_rows(Capture *capture);
// Functions in expressions run here, as the current user.
void capture_slot(Capture *capture, TupleTableSlot *slot);
// Appends what was counted to the delta log and frees the capture.
void finish_capture(Capture *capture);

} // namespace topk::stream
