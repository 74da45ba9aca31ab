// Serves HTTP/1.1 by Boost.Beast: connections, their limits of time and size, and their end. Endpoints gives requests a
// meaning.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "collector.h"
#include "endpoints.h"
#include "metrics.h"
#include "options.h"

namespace gateway {

class Session;

class Server {
public:
    Server(const Options &options, Budget &budget, Metrics &metrics);
    ~Server() { stop(); }

    // Returns the port. Throws boost::system::system_error if the address cannot be used.
    std::uint16_t start(Endpoints &endpoints);

    // Takes no new connections and requests from now on. Returns whether all earlier requests were answered within this
    // time.
    bool drain(std::chrono::seconds longest);

    bool draining() const { return draining_; }

    // Ends all connections. Afterwards no request reaches the endpoints, and answers are dropped.
    void stop();

private:
    friend class Session;

    void accept();
    bool enter(Session *session, const std::string &address);
    void leave(Session *session, const std::string &address);

    const Options &options_;
    Budget &budget_;
    Metrics &metrics_;

    Endpoints *endpoints_ = nullptr;
    std::atomic<bool> draining_ = false;
    std::mutex mutex_;
    std::condition_variable empty_;
    std::unordered_set<Session *> sessions_;
    std::unordered_map<std::string, unsigned> addresses_; // connections of each

    // There is one for each thread, so that one thread serves a connection, and it needs no lock. They stand below the
    // members that ~Session uses, because they may hold the last references to sessions.
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
    std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::size_t next_ = 0; // context of the next connection
    std::vector<std::thread> threads_;
};

} // namespace gateway
