#include "question.h"

#include "../catalog/node.h"

extern "C" {
#include "catalog/pg_user_mapping.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "common/string.h"
#include "nodes/makefuncs.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
}

namespace topk::cluster {

int node_timeout = 5000;
bool allow_partial = false;
bool ask_nodes = true;

namespace {

void fail(Node *node, int sqlstate, const char *message, const char *detail) {
    node->failed = true;
    node->failure = {sqlstate, message, detail};
    node->step = Step::done;
}

// The connection is of no use any more.
void fail_connection(Node *node, const char *message, const char *detail) {
    if (node->connection != nullptr)
        close_connection(node->connection);
    fail(node, ERRCODE_CONNECTION_FAILURE, message, detail);
}

void begin_connection(Node *node) {
    node->kept = false;
    const char *failure = begin_connecting(node->connection, node->server, node->mapping);
    if (failure != nullptr)
        return fail_connection(node, "cannot be reached", failure);
    node->step = Step::connecting;
    node->writing = true; // as libpq says of a connection that has just begun
    node->ready = false;
}

// A node that was restarted has closed its connections. Whoever asks need not know: the question goes out once more.
void lose_connection(Node *node) {
    const char *detail = message_of(node->connection->conn);
    const bool again = node->kept;
    close_connection(node->connection);
    if (again)
        begin_connection(node);
    else
        fail_connection(node, "has closed its connection", detail);
}

// Writes what libpq has kept back.
void flush(Node *node) {
    const int left = PQflush(node->connection->conn);
    if (left < 0)
        return lose_connection(node);
    node->writing = left > 0;
}

void send_question(const Question *question, Node *node) {
    node->step = Step::asking;
    node->connection->busy = true;
    if (PQsendQueryParams(node->connection->conn, question->statement, question->count, question->types, question->values,
                          question->lengths, question->formats, 1) == 0)
        return lose_connection(node);
    flush(node);
}

// A node answers for itself alone. It ends the work for a session that has gone away, even while it waits for a lock.
// Servers on some systems cannot notice that, and refuse the second setting.
void configure(Node *node) {
    node->step = Step::configuring;
    node->connection->busy = true;
    if (PQsendQuery(node->connection->conn, "BEGIN; SET pg_topk.ask_nodes = off; COMMIT;"
                                            "SET client_connection_check_interval = '1s'") == 0)
        return lose_connection(node);
    flush(node);
}

void poll_connection(Node *node) {
    PGconn *conn = node->connection->conn;
    switch (PQconnectPoll(conn)) {
        case PGRES_POLLING_READING: node->writing = false; return;
        case PGRES_POLLING_WRITING: node->writing = true; return;
        case PGRES_POLLING_OK: break;
        default: return fail_connection(node, "cannot be reached", message_of(conn));
    }
    if (const char *refusal = refuse_connection(node->connection, node->mapping))
        return fail_connection(node, "cannot be asked", refusal);
    PQsetnonblocking(conn, 1);
    configure(node);
}

const char *field_of(const PGresult *result, int field) {
    const char *text = PQresultErrorField(result, field);
    return text == nullptr ? nullptr : pstrdup(text);
}

void read_error(Node *node, const PGresult *result) {
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE), *message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
    if (code == nullptr || strlen(code) != 5)
        return lose_connection(node);
    fail(node, MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]),
         psprintf("cannot answer: %s", message == nullptr ? "" : message), field_of(result, PG_DIAG_MESSAGE_DETAIL));
}

// The answer has been read to its end.
void finish(const Question *question, Node *node) {
    Connection *connection = node->connection;
    connection->busy = false;
    if (PQstatus(connection->conn) == CONNECTION_BAD)
        return lose_connection(node);
    if (node->step == Step::configuring) {
        clear_result(connection);
        return send_question(question, node);
    }
    if (PQresultStatus(connection->result) == PGRES_TUPLES_OK)
        node->step = Step::done;
    else
        read_error(node, connection->result);
}

void read_answer(const Question *question, Node *node) {
    Connection *connection = node->connection;
    if (PQconsumeInput(connection->conn) == 0)
        return lose_connection(node);
    if (node->writing)
        flush(node);
    const Step step = node->step;
    while (node->step == step && step != Step::done && connection->conn != nullptr && PQisBusy(connection->conn) == 0) {
        PGresult *result = PQgetResult(connection->conn);
        if (result == nullptr)
            return finish(question, node);
        if (connection->result == nullptr)
            connection->result = result;
        else
            PQclear(result);
    }
}

void advance(const Question *question, Node *node) {
    node->ready = false;
    if (node->step == Step::connecting)
        poll_connection(node);
    else
        read_answer(question, node);
}

WaitEventSet *make_wait_set(int n) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(CurrentResourceOwner, n);
#else
    return CreateWaitEventSet(CurrentMemoryContext, n);
#endif
}

// Marks the nodes whose sockets are ready.
void wait(Question *question, long milliseconds) {
    const int n = question->nodes.count + 2;
    auto *events = static_cast<WaitEvent *>(palloc0(n * sizeof(WaitEvent)));
    WaitEventSet *set = make_wait_set(n);
    PG_TRY();
    {
        AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        for (Node &node : question->nodes)
            if (node.step != Step::done)
                AddWaitEventToSet(set,
                                  node.step == Step::connecting
                                      ? (node.writing ? WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE)
                                      : WL_SOCKET_READABLE | (node.writing ? WL_SOCKET_WRITEABLE : 0),
                                  PQsocket(node.connection->conn), nullptr, &node);
        const int happened = WaitEventSetWait(set, milliseconds, events, n, PG_WAIT_EXTENSION);
        for (int i = 0; i < happened; ++i) {
            if ((events[i].events & WL_LATCH_SET) != 0)
                ResetLatch(MyLatch);
            if (events[i].user_data != nullptr)
                static_cast<Node *>(events[i].user_data)->ready = true;
        }
    }
    PG_FINALLY();
    { FreeWaitEventSet(set); }
    PG_END_TRY();
    pfree(events);
}

bool has_mapping(Oid role, Oid server) {
    return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server)) ||
           SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
}

DefElem *make_option(const char *name, const char *value) {
    return makeDefElem(pstrdup(name), reinterpret_cast<::Node *>(makeString(pstrdup(value))), -1);
}

// Options as those of a server or a user mapping.
List *options_of(const char *conninfo) {
    List *options = NIL;
    char *error = nullptr;
    PQconninfoOption *parsed = PQconninfoParse(conninfo, &error);
    if (parsed == nullptr) {
        const char *message = error == nullptr ? "" : pchomp(error);
        PQfreemem(error);
        ereport(ERROR,
                (errcode(ERRCODE_SYNTAX_ERROR), errmsg("Citus has connection options that libpq refuses: %s", message)));
    }
    for (const PQconninfoOption *o = parsed; o->keyword != nullptr; ++o)
        if (o->val != nullptr)
            options = lappend(options, make_option(o->keyword, o->val));
    PQconninfoFree(parsed);
    return options;
}

// A node of Citus, as if there were a foreign server and a user mapping. The role that asks logs in by its own name. Citus
// lets superusers alone say how (citus.node_conninfo, pg_dist_authinfo).
void set_citus_node(Node *node, const CitusNode &of) {
    auto *server = static_cast<ForeignServer *>(palloc0(sizeof(ForeignServer)));
    auto *mapping = static_cast<UserMapping *>(palloc0(sizeof(UserMapping)));
    const char *conninfo = GetConfigOption("citus.node_conninfo", true, false);
    server->servername = pstrdup(of.name);
    server->options = lappend(options_of(conninfo == nullptr ? "" : conninfo), make_option("host", of.host));
    server->options = lappend(server->options, make_option("port", of.port));
    server->options = lappend(server->options, make_option("dbname", get_database_name(MyDatabaseId)));
    mapping->userid = GetUserId();
    mapping->options =
        lappend(options_of(of.login == nullptr ? "" : of.login), make_option("user", GetUserNameFromId(GetUserId(), false)));
    mapping->options = lappend(mapping->options, make_option("password_required", "false"));
    // Another address is another connection.
    const char *address =
        psprintf("%s %s %s", of.name, conninfo == nullptr ? "" : conninfo, of.login == nullptr ? "" : of.login);
    mapping->umid = hash_bytes(reinterpret_cast<const unsigned char *>(address), static_cast<int>(strlen(address)));
    node->server = server;
    node->mapping = mapping;
}

bool find_citus_node(Question *question, Node *node) {
    if (!question->citus_is_read)
        question->citus = list_citus_nodes(GetUserId());
    question->citus_is_read = true;
    for (const CitusNode &of : question->citus) {
        if (strcmp(of.name, node->name) != 0)
            continue;
        if (!of.active)
            fail(node, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "is disabled in pg_dist_node", nullptr);
        else
            set_citus_node(node, of);
        return true;
    }
    return false;
}

void find_server(Question *question, Node *node) {
    node->server = GetForeignServerByName(node->name, true);
    if (node->server == nullptr) {
        if (!find_citus_node(question, node))
            fail(node, ERRCODE_UNDEFINED_OBJECT, "has no foreign server any more",
                 "The foreign server of that name was dropped or renamed: see topk.drop_node and topk.add_node.");
    } else if (!has_mapping(GetUserId(), node->server->serverid)) {
        fail(node, ERRCODE_UNDEFINED_OBJECT, "has no user mapping",
             psprintf("There is none for role \"%s\".", GetUserNameFromId(GetUserId(), false)));
    } else {
        node->mapping = GetUserMapping(GetUserId(), node->server->serverid);
    }
}

void begin_node(Question *question, Node *node) {
    find_server(question, node);
    if (node->failed)
        return;
    node->connection = find_connection(node->server, node->mapping);
    node->kept = node->connection->conn != nullptr;
    if (node->kept)
        send_question(question, node);
    else
        begin_connection(node);
}

int report_detail(const NodeFailure &failure) { return failure.detail == nullptr ? 0 : errdetail("%s", failure.detail); }

void report(const Node &node) {
    if (allow_partial)
        ereport(WARNING, (errcode(node.failure.sqlstate), errmsg("node \"%s\" %s", node.name, node.failure.message),
                          report_detail(node.failure), errhint("The answer lacks the counts of that node.")));
    else
        ereport(ERROR,
                (errcode(node.failure.sqlstate), errmsg("node \"%s\" %s", node.name, node.failure.message),
                 report_detail(node.failure), errhint("With pg_topk.allow_partial, the others answer without that node.")));
}

} // namespace

Array<const char *> list_nodes_to_ask(bool spread) {
    Array<const char *> names = {};
    if (!ask_nodes)
        return names;
    for (const NodeRow &node : list_nodes(GetActiveSnapshot())) {
        if (strcmp(node.server, all_of_citus) == 0)
            spread = true;
        else
            names.add(node.server);
    }
    if (spread)
        for (const CitusNode &one : list_citus_nodes(GetUserId()))
            names.add(one.name);
    return names;
}

Question *begin_question(const Array<const char *> &names, const char *statement, const Parameter *parameters, int count) {
    auto *question = static_cast<Question *>(palloc0(sizeof(Question)));
    question->statement = statement;
    question->count = count;
    question->types = static_cast<Oid *>(palloc(count * sizeof(Oid)));
    question->values = static_cast<const char **>(palloc(count * sizeof(char *)));
    question->lengths = static_cast<int *>(palloc(count * sizeof(int)));
    question->formats = static_cast<int *>(palloc(count * sizeof(int)));
    for (int i = 0; i < count; ++i) {
        question->types[i] = parameters[i].type;
        question->values[i] = parameters[i].data;
        question->lengths[i] = parameters[i].length;
        question->formats[i] = parameters[i].binary ? 1 : 0;
    }
    question->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), node_timeout);
    question->nodes.reserve(names.count); // its elements stay where they are
    for (const char *name : names) {
        Node node = {};
        node.name = name;
        begin_node(question, &question->nodes.add(node));
    }
    return question;
}

void await_answers(Question *question) {
    for (;;) {
        bool waiting = false;
        for (Node &node : question->nodes) {
            if (node.step != Step::done && node.ready)
                advance(question, &node);
            waiting |= node.step != Step::done;
        }
        if (!waiting)
            break;
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), question->deadline);
        if (left <= 0) {
            for (Node &node : question->nodes)
                if (node.step != Step::done)
                    fail_connection(&node, psprintf("has not answered within %d ms", node_timeout), nullptr);
            break;
        }
        wait(question, left);
        CHECK_FOR_INTERRUPTS();
    }
    for (const Node &node : question->nodes)
        if (node.failed)
            report(node);
}

void end_question(Question *question) {
    for (Node &node : question->nodes)
        if (node.connection != nullptr)
            clear_result(node.connection);
}

} // namespace topk::cluster
