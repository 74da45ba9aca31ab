// The functions, types, operators and collations that the expressions of rollups need, in pg_depend. The depender is a
// trigger on the source, one for each rollup, which never has anything to do. So DROP of what an expression needs is
// refused, or takes the trigger with CASCADE, and after_drop() the rollup. The rollups of a distributed table share the
// capture trigger, and CASCADE is refused too.
#pragma once

#include "../pg/executor.h"
#include "../stream/expressions.h"

namespace topk::define {

// A trigger function of schema topk, found without USAGE on the schema, which a user who adds a partition may lack.
Oid trigger_function(const char *name);
// The trigger of a rollup on its source. nullptr: there is none. By the name of the rollup, as a restored rollup may get
// another id.
const Trigger *find_holder(Relation source, const char *rollup);
// The names of the rollups that have a trigger on their source, in the order of the triggers; nullptr for another trigger.
Array<const char *> held_rollups(Relation source);
// CREATE TRIGGER for a rollup.
char *holder_command(Relation source, const RollupOfSource &rollup);

// Writes the tree and the dependencies. Raises 0A000 if an expression needs a temporary object.
void store_expressions(Relation source, const RollupDefinition *rollup, const stream::Expressions &expressions);
// Writes the dependencies of the rollups of a distributed table again, after CREATE OR REPLACE TRIGGER has removed them.
void record_shared_dependencies(Relation source);

// Waits for transactions that rename or drop what the expressions need, and keeps others from it until this transaction
// ends. PostgreSQL takes no lock where it renames a type or a schema, so these can still change. Raises 42704 if something
// is gone.
void lock_needed(Relation source, const RollupDefinition *rollup);

// Does the same as store_expressions() for rollups whose trees are missing, as after a restore or pg_upgrade: those of a
// source, or of all with InvalidOid. A rollup whose expressions do not work stays as it is.
void store_missing_expressions(Oid source);

} // namespace topk::define
