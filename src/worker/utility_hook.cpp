#include "utility_hook.h"

#include "slots.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "tcop/utility.h"
#include "utils/acl.h"
}

namespace topk::worker {
namespace {

ProcessUtility_hook_type next_hook = nullptr;
bool wake = false; // at the end of this transaction

// Whoever may not do what the statement says does not stop a worker by it.
void hold(const char *name) {
    const Oid database = name == nullptr ? InvalidOid : get_database_oid(name, true);
    if (!OidIsValid(database))
        return;
#if PG_VERSION_NUM >= 160000
    const bool owner = object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
    const bool owner = pg_database_ownercheck(database, GetUserId());
#endif
    if (owner)
        hold_database(database);
}

const char *option(const List *options, const char *name) {
    ListCell *cell;
    foreach (cell, options) {
        auto *element = static_cast<DefElem *>(lfirst(cell));
        if (strcmp(element->defname, name) == 0 && element->arg != nullptr)
            return defGetString(element);
    }
    return nullptr;
}

void hold_databases(const Node *statement) {
    switch (nodeTag(statement)) {
        case T_DropdbStmt: hold(reinterpret_cast<const DropdbStmt *>(statement)->dbname); break;
        case T_CreatedbStmt: hold(option(reinterpret_cast<const CreatedbStmt *>(statement)->options, "template")); break;
        case T_AlterDatabaseStmt: {
            const auto *alter = reinterpret_cast<const AlterDatabaseStmt *>(statement);
            if (option(alter->options, "tablespace") != nullptr)
                hold(alter->dbname);
            break;
        }
        case T_RenameStmt: {
            const auto *rename = reinterpret_cast<const RenameStmt *>(statement);
            if (rename->renameType == OBJECT_DATABASE)
                hold(rename->subname);
            break;
        }
        default: break;
    }
}

bool changes_extensions(const Node *statement) {
    switch (nodeTag(statement)) {
        case T_CreateExtensionStmt:
        case T_AlterExtensionStmt: return true;
        case T_DropOwnedStmt: return true;
        case T_DropStmt: {
            const ObjectType type = reinterpret_cast<const DropStmt *>(statement)->removeType;
            return type == OBJECT_EXTENSION || type == OBJECT_SCHEMA;
        }
        default: return false;
    }
}

void process_utility(PlannedStmt *planned, const char *query, bool read_only_tree, ProcessUtilityContext context,
                     ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
                     QueryCompletion *completion) {
    const Node *statement = planned->utilityStmt;
    hold_databases(statement);
    const bool changes = changes_extensions(statement);
    (next_hook != nullptr ? next_hook : standard_ProcessUtility)(planned, query, read_only_tree, context, parameters,
                                                                 environment, receiver, completion);
    wake |= changes;
}

void at_transaction_end(XactEvent event, void *) {
    if (event == XACT_EVENT_COMMIT && wake)
        request_worker(MyDatabaseId);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        wake = false;
}

} // namespace

void install_utility_hook() {
    next_hook = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
    RegisterXactCallback(at_transaction_end, nullptr);
}

void wake_worker_at_commit() { wake = true; }

} // namespace topk::worker
