// A question to all nodes of this database at once, and what they answer.
#pragma once

#include "../catalog/citus.h"
#include "../pg/array.h"
#include "connection.h"

namespace topk::cluster {

extern int node_timeout;   // pg_topk.node_timeout, in milliseconds
extern bool allow_partial; // pg_topk.allow_partial
extern bool ask_nodes;     // pg_topk.ask_nodes

// The name that stands for all nodes that Citus knows, in the place of a foreign server.
inline constexpr const char *all_of_citus = "pg_dist_node";

// A parameter of the statement. data: nullptr is NULL. In text form it ends with a zero, and length is not used.
struct Parameter {
    Oid type;
    const char *data;
    int length;
    bool binary;
};

// Why a node has no answer.
struct NodeFailure {
    int sqlstate;
    const char *message; // continues "node "name" ..."
    const char *detail;  // may be nullptr
};

enum class Step { connecting, configuring, asking, done };

struct Node {
    const char *name;
    const ForeignServer *server;
    const UserMapping *mapping;
    Connection *connection; // nullptr if it could not be begun
    Step step;
    bool kept;    // the connection is of an earlier question, so the node may have been restarted since
    bool ready;   // its socket is, or there is something to do without it
    bool writing; // it waits until its socket can be written to
    bool failed;
    NodeFailure failure;
};

struct Question {
    Array<Node> nodes;
    const char *statement;
    int count; // of parameters
    Oid *types;
    const char **values;
    int *lengths;
    int *formats;
    TimestampTz deadline;
    Array<CitusNode> citus; // read when the first node of Citus is met
    bool citus_is_read;
};

// The nodes that the active snapshot sees, with all those of Citus if the rollup is spread over them; none if
// pg_topk.ask_nodes is off.
Array<const char *> list_nodes_to_ask(bool spread);

// Sends a statement to nodes, as the current user, and waits for none of them. The statement is one SELECT, whose values
// come in binary form.
Question *begin_question(const Array<const char *> &nodes, const char *statement, const Parameter *parameters, int count);

// Waits until each node has answered or failed, for pg_topk.node_timeout after the beginning at most. Raises the error of
// the first node that failed, or with pg_topk.allow_partial warns of each.
void await_answers(Question *question);

// The answer of a node that has not failed.
inline const PGresult *answer_of(const Node &node) { return node.connection->result; }
void end_question(Question *question); // frees the answers

} // namespace topk::cluster
