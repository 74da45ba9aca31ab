// Connections to the database, by libpq. Each belongs to one thread, which waits for its answers.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

struct Result {
    enum State {
        done,
        failed,  // the database refused: sqlstate and message say why; nothing was done
        lost,    // the connection is gone, before anything could be done
        unknown, // the connection is gone, and whether it was done nobody can say
    };
    State state = lost;
    std::string sqlstate, message;
    bool at_data = false;             // of copy(): it failed when the lines had begun, so one of them may be the reason
    std::optional<std::string> value; // first column of the first row

    bool ok() const { return state == done; }
};

class Connection {
public:
    explicit Connection(std::string conninfo, unsigned statement_seconds)
        : conninfo_(std::move(conninfo)), statement_seconds_(statement_seconds) {}

    // Connects, where it is not connected. What is wrong if it cannot be done, or an empty text.
    std::string connect();
    bool connected() const { return connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK; }
    void disconnect() { connection_.reset(); }

    // One question in a transaction of its own: read-only, under the role (empty: of the login), in UTC. A NULL is nullptr.
    Result ask(const std::string &role, const std::string &sql, const std::vector<const char *> &parameters);

    // Lines of COPY's text format into `target`, a table with its columns, in a transaction of its own under the role.
    Result copy(const std::string &role, const std::string &target, const std::vector<std::string_view> &lines);

    std::string quoted(const std::string &identifier) const; // of a connection that is there

private:
    struct Closer {
        void operator()(PGconn *connection) const { PQfinish(connection); }
    };

    Result failure(const PGresult *result) const;
    void roll_back();

    const std::string conninfo_;
    const unsigned statement_seconds_;
    std::unique_ptr<PGconn, Closer> connection_;
};

} // namespace gateway
