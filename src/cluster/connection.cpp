#include <initializer_list>

#include "connection.h"

extern "C" {
#include "commands/defrem.h"
#include "common/string.h"
#include "nodes/pg_list.h"
#include "storage/fd.h"
#include "utils/hsearch.h"
#include "utils/syscache.h"
}

namespace topk::cluster {
namespace {

HTAB *connections = nullptr;

template <class Visit>
void each_connection(const Visit &visit) {
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, connections);
    while (auto *connection = static_cast<Connection *>(hash_seq_search(&status)))
        visit(connection);
}

// A question that an error has ended has left its answer on the way: nobody will read it.
void abandon_questions() {
    each_connection([](Connection *connection) {
        clear_result(connection);
        if (connection->busy)
            close_connection(connection);
    });
}

void transaction_ended(XactEvent, void *) { abandon_questions(); }

void subtransaction_ended(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        abandon_questions();
}

// It may be in use now, so it is closed before its next use.
void options_changed(Datum, int cache, uint32 hash) {
    each_connection([&](Connection *connection) {
        if (hash == 0 || hash == (cache == FOREIGNSERVEROID ? connection->server_hash : connection->mapping_hash))
            connection->stale = true;
    });
}

void make_table() {
    HASHCTL control = {};
    control.keysize = sizeof(ConnectionKey);
    control.entrysize = sizeof(Connection);
    control.hcxt = TopMemoryContext;
    connections = hash_create("pg_topk connections", 8, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    RegisterXactCallback(transaction_ended, nullptr);
    RegisterSubXactCallback(subtransaction_ended, nullptr);
    CacheRegisterSyscacheCallback(FOREIGNSERVEROID, options_changed, (Datum)0);
    CacheRegisterSyscacheCallback(USERMAPPINGOID, options_changed, (Datum)0);
}

// The options of servers and user mappings are those of libpq, and others that only postgres_fdw knows.
bool is_of_libpq(const char *option) {
    static PQconninfoOption *known = nullptr;
    if (known == nullptr) // a call as initializer would need a landing pad
        known = PQconndefaults();
    for (const PQconninfoOption *o = known; o != nullptr && o->keyword != nullptr; ++o)
        if (strcmp(o->keyword, option) == 0)
            return true;
    return false;
}

const DefElem *find_option(const List *options, const char *name) {
    ListCell *cell;
    foreach (cell, options)
        if (const auto *option = lfirst_node(DefElem, cell); strcmp(option->defname, name) == 0)
            return option;
    return nullptr;
}

// With the connection of a role that is no superuser, the server must not prove to be the operating system's user that
// runs it. So the role needs a password of its own, as in postgres_fdw, unless a superuser has said otherwise.
bool needs_password(const UserMapping *mapping) {
    if (superuser_arg(mapping->userid))
        return false;
    const DefElem *required = find_option(mapping->options, "password_required");
    return required == nullptr || defGetBoolean(const_cast<DefElem *>(required));
}

constexpr const char *no_password =
    "A role that is no superuser must log in with a password, which is an option of its user mapping.";

} // namespace

Connection *find_connection(const ForeignServer *server, const UserMapping *mapping) {
    if (connections == nullptr)
        make_table();
    const ConnectionKey key = {mapping->userid, mapping->umid};
    bool found;
    auto *connection = static_cast<Connection *>(hash_search(connections, &key, HASH_ENTER, &found));
    if (!found) {
        *connection = {};
        connection->key = key;
    }
    if (connection->stale ||
        (connection->conn != nullptr && (connection->busy || PQstatus(connection->conn) == CONNECTION_BAD)))
        close_connection(connection);
    connection->stale = false;
    connection->server_hash = GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(server->serverid));
    connection->mapping_hash = GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(mapping->umid));
    return connection;
}

const char *begin_connecting(Connection *connection, const ForeignServer *server, const UserMapping *mapping) {
    const DefElem *password = find_option(mapping->options, "password");
    if (needs_password(mapping) && (password == nullptr || *defGetString(const_cast<DefElem *>(password)) == '\0'))
        return no_password;
    const int room = list_length(server->options) + list_length(mapping->options) + 3;
    auto **keywords = static_cast<const char **>(palloc(room * sizeof(char *)));
    auto **values = static_cast<const char **>(palloc(room * sizeof(char *)));
    int n = 0;
    ListCell *cell;
    for (const List *options : {server->options, mapping->options})
        foreach (cell, options) {
            auto *option = lfirst_node(DefElem, cell);
            if (!is_of_libpq(option->defname))
                continue;
            keywords[n] = option->defname;
            values[n++] = defGetString(option);
        }
    keywords[n] = "fallback_application_name";
    values[n++] = "pg_topk";
    keywords[n] = "client_encoding";
    values[n++] = GetDatabaseEncodingName();
    keywords[n] = values[n] = nullptr;
    if (!AcquireExternalFD())
        return "This session has too many open files.";
    connection->conn = PQconnectStartParams(keywords, values, 0);
    if (connection->conn == nullptr) {
        ReleaseExternalFD();
        return "Memory is exhausted.";
    }
    connection->busy = true;
    if (PQstatus(connection->conn) != CONNECTION_BAD)
        return nullptr;
    const char *message = message_of(connection->conn);
    close_connection(connection);
    return message;
}

const char *refuse_connection(const Connection *connection, const UserMapping *mapping) {
    if (needs_password(mapping) && !PQconnectionUsedPassword(connection->conn))
        return no_password;
    // Items are compared by their bytes.
    const char *encoding = PQparameterStatus(connection->conn, "server_encoding");
    if (encoding == nullptr || pg_char_to_encoding(encoding) != GetDatabaseEncoding())
        return psprintf("Its encoding is \"%s\", and that of this database is \"%s\".", encoding == nullptr ? "" : encoding,
                        GetDatabaseEncodingName());
    return nullptr;
}

void close_connection(Connection *connection) {
    clear_result(connection);
    connection->busy = false;
    if (connection->conn == nullptr)
        return;
    PQfinish(connection->conn);
    connection->conn = nullptr;
    ReleaseExternalFD();
}

void clear_result(Connection *connection) {
    PQclear(connection->result);
    connection->result = nullptr;
}

const char *message_of(const PGconn *conn) {
    char *message = pchomp(PQerrorMessage(conn));
    for (char *c = message; *c != '\0'; ++c)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    return message;
}

} // namespace topk::cluster
