// Connections of this session to other databases: one for each foreign server and role, kept until the session ends.
#pragma once

#include "../pg/pg.h"

extern "C" {
#include "foreign/foreign.h"
#include "libpq-fe.h"
}

namespace topk::cluster {

struct ConnectionKey {
    Oid role; // whose rights count here
    Oid mapping;
};

struct Connection {
    ConnectionKey key;
    PGconn *conn;     // nullptr: closed
    PGresult *result; // of the question that runs
    bool busy;        // something was sent whose answer has not been read to its end
    bool stale;       // the options of the server or the user mapping have changed since it was opened
    uint32 server_hash;
    uint32 mapping_hash;
};

// Returns the connection of a server and user mapping, which may be closed. One that is stale is closed first.
Connection *find_connection(const ForeignServer *server, const UserMapping *mapping);

// Begins to open a connection that is closed. Returns nullptr, or why that is impossible.
const char *begin_connecting(Connection *connection, const ForeignServer *server, const UserMapping *mapping);
// Returns nullptr if an open connection may be used for the mapping, or why not.
const char *refuse_connection(const Connection *connection, const UserMapping *mapping);

void close_connection(Connection *connection);
void clear_result(Connection *connection);

// Returns libpq's last message in one line.
const char *message_of(const PGconn *conn);

} // namespace topk::cluster
