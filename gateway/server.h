// HTTP/1.1 by Boost.Beast: connections, their time and size limits, and the end of them. What requests mean is in Endpoints.
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

    // Throws boost::system::system_error where the address cannot be listened at. The port that it is.
    std::uint16_t start(Endpoints &endpoints);

    // No new connections and requests from now on; whether all that were there have been answered, in time.
    bool drain(std::chrono::seconds longest);

    bool draining() const { return draining_; }

    // Ends all connections: from now on no request reaches the endpoints, and answers go nowhere.
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

    // One for each thread, so that a connection is always served by the same one and needs no lock. They may hold the last
    // references to sessions, which leave what is above.
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
    std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::size_t next_ = 0; // context
    std::vector<std::thread> threads_;
};

} // namespace gateway
