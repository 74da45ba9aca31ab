#include "utility_hook.h"

#include "../define/create_rollup.h"
#include "slots.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "tcop/utility.h"
#include "utils/acl.h"
}

namespace topk::worker {
namespace {

ProcessUtility_hook_type next_hook = nullptr;
bool wake = false; // the worker, when this transaction commits

Oid held[max_held]; // by the current transaction
int held_count = 0;

void nap(long ms) {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

bool is_connected(pid_t pid) { return pid != 0 && BackendPidGetProc(pid) != nullptr; }

// Keeps our processes out of the database until the transaction ends.
void hold_database(Oid database) {
    if (held_count == max_held)
        return;
    if (hold(database))
        held[held_count++] = database;
    // A worker gets a signal when it is still folding after 0.2 s. A process that does not leave within 5 s is left to the
    // statement's own check.
    Processes last = {};
    for (int i = 0; i < 500; ++i) {
        const Processes here = expel(database, i == 20);
        if (here.worker != 0)
            last.worker = here.worker;
        if (here.backfill != 0)
            last.backfill = here.backfill;
        // A process leaves its slot a moment before it leaves the database.
        if (here.worker == 0 && here.backfill == 0 && !is_connected(last.worker) && !is_connected(last.backfill))
            return;
        nap(10);
    }
}

void release_held() {
    for (int i = 0; i < held_count; ++i)
        release(held[i]);
    held_count = 0;
}

// Only the owner of the database may run these statements, so nobody else can stop its worker by one.
void hold_named(const char *name) {
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
        case T_DropdbStmt: hold_named(reinterpret_cast<const DropdbStmt *>(statement)->dbname); break;
        case T_CreatedbStmt:
            hold_named(option(reinterpret_cast<const CreatedbStmt *>(statement)->options, "template"));
            break;
        case T_AlterDatabaseStmt: {
            const auto *alter = reinterpret_cast<const AlterDatabaseStmt *>(statement);
            if (option(alter->options, "tablespace") != nullptr)
                hold_named(alter->dbname);
            break;
        }
        case T_RenameStmt: {
            const auto *rename = reinterpret_cast<const RenameStmt *>(statement);
            if (rename->renameType == OBJECT_DATABASE)
                hold_named(rename->subname);
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
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
        release_held();
    if (event == XACT_EVENT_COMMIT && wake)
        request_worker(MyDatabaseId);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        wake = false;
}

} // namespace

void install_utility_hook() {
    next_hook = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
    define::backfill_requested_hook = [] { wake = true; };
    RegisterXactCallback(at_transaction_end, nullptr);
}

} // namespace topk::worker
