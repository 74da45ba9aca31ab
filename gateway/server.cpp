#include "server.h"

#include <algorithm>
#include <utility>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <cmath>
#include <thread>

#include "log.h"
#include "page.h"

namespace gateway {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = net::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t max_header_bytes = 32 << 10; // a path with an item of 8191 bytes takes 24 kB
constexpr std::size_t buffer_bytes = 64 << 10;

// With the executor of io_context itself, operations need no type-erased executor, which would be copied many times for each.
using Stream = beast::basic_stream<tcp, net::io_context::executor_type>;

// Returns the client of an address, for limits. For IPv6 it is the network, because a client usually has a whole network.
std::string client_of(net::ip::address address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6());
    if (address.is_v4())
        return address.to_string();
    auto bytes = address.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), 0);
    return net::ip::address_v6(bytes).to_string() + "/64";
}

std::string to_string(beast::string_view text) { return {text.data(), text.size()}; }

} // namespace

// A connection of a client. The handler that it waits for holds it; there is one such handler at a time.
class Session : public std::enable_shared_from_this<Session> {
public:
    Session(Server &server, Stream::socket_type &&socket, std::string peer, bool trusted)
        : server_(server), stream_(std::move(socket)), buffer_(buffer_bytes), peer_(std::move(peer)), trusted_(trusted) {}

    ~Session() {
        release();
        if (entered_)
            server_.leave(this, trusted_ ? std::string() : peer_);
    }

    void start() {
        if (!server_.enter(this, trusted_ ? std::string() : peer_))
            return; // too many connections: this one is closed
        entered_ = true;
        net::post(stream_.get_executor(), [self = shared_from_this()] { self->wait_for_request(); });
    }

    // Called while the server drains: an idle connection is closed.
    void end_if_idle() {
        net::post(stream_.get_executor(), [self = shared_from_this()] {
            if (self->idle_)
                self->stream_.close();
        });
    }

private:
    void wait_for_request() {
        if (server_.draining())
            return close();
        if (buffer_.size() > 0)
            return read_header();
        idle_ = true;
        stream_.expires_after(std::chrono::seconds(server_.options_.idle_seconds));
        stream_.async_read_some(buffer_.prepare(4096), [self = shared_from_this()](beast::error_code error, std::size_t n) {
            self->idle_ = false;
            if (error)
                return;
            self->buffer_.commit(n);
            self->read_header();
        });
    }

    // The time limit is of the whole request, so that a slow sender cannot stretch it.
    void read_header() {
        request_ = {};
        parser_.emplace();
        parser_->header_limit(max_header_bytes);
        parser_->body_limit(server_.options_.body_bytes);
        stream_.expires_after(std::chrono::seconds(server_.options_.request_seconds));
        http::async_read_header(stream_, buffer_, *parser_,
                                [self = shared_from_this()](beast::error_code error, std::size_t) {
                                    if (error)
                                        return self->refuse(error);
                                    self->have_header();
                                });
    }

    void have_header() {
        const auto &header = parser_->get();
        request_.start = Clock::now();
        request_.method = to_string(header.method_string());
        request_.target = to_string(header.target());
        request_.authorization = to_string(header[http::field::authorization]);
        request_.content_type = to_string(header[http::field::content_type]);
        request_.content_encoding = to_string(header[http::field::content_encoding]);
        request_.address = address();
        const auto length = parser_->content_length();
        if (auto response =
                server_.endpoints_->admit(request_, length ? std::optional<std::uint64_t>(*length) : std::nullopt))
            return reply(std::move(*response), !parser_->is_done());
        if (beast::iequals(header[http::field::expect], "100-continue") && !parser_->is_done() && buffer_.size() == 0) {
            continue_.emplace(http::status::continue_, 11);
            return http::async_write(stream_, *continue_, [self = shared_from_this()](beast::error_code error, std::size_t) {
                if (!error)
                    self->read_body();
            });
        }
        read_body();
    }

    // The budget is charged for bytes that have arrived, not for the announced length.
    void read_body() {
        beast::error_code error;
        while (!parser_->is_done() && buffer_.size() > 0 && !error) {
            const std::size_t used = parser_->put(buffer_.data(), error);
            buffer_.consume(used);
            if (error == http::error::need_more || (!error && used == 0)) {
                error = {};
                break;
            }
        }
        have_body(error);
    }

    void have_body(beast::error_code error) {
        if (error && error != http::error::end_of_chunk)
            return refuse(error);
        const std::size_t size = parser_->get().body().size();
        if (size > taken_) {
            if (!server_.budget_.take(size - taken_))
                return reply(
                    respond(unavailable("queue_full", "too many bodies and events are in memory; nothing was counted")),
                    true);
            taken_ = size;
        }
        if (parser_->is_done())
            return handle();
        http::async_read_some(
            stream_, buffer_, *parser_,
            [self = shared_from_this()](beast::error_code failure, std::size_t) { self->have_body(failure); });
    }

    void handle() {
        Request request = std::move(request_);
        request.body = std::move(parser_->get().body());
        request_ = {};
        request_.method = request.method;
        request_.endpoint = request.endpoint;
        request_.key = request.key;
        request_.address = request.address;
        request_.start = request.start;
        server_.endpoints_->handle(std::move(request), [self = shared_from_this()](Response response) {
            net::dispatch(self->stream_.get_executor(),
                          [self, response = std::move(response)]() mutable { self->reply(std::move(response), false); });
        });
    }

    // Refuses input that is too large or not HTTP. A client that has ended, or was silent, gets no answer.
    void refuse(beast::error_code error) {
        if (error == http::error::header_limit || error == http::error::buffer_overflow)
            return reply(respond(Fault{431, "header_too_large", {}, "the header must not have more than 32768 bytes"}),
                         true);
        if (error == http::error::body_limit)
            return reply(respond(Fault{413, "body_too_large", "body",
                                       "must not have more than " + std::to_string(server_.options_.body_bytes) + " bytes"}),
                         true);
        if (error == http::error::end_of_stream || error == http::error::partial_message ||
            error.category() != http::make_error_code(http::error::bad_method).category())
            return;
        reply(respond(Fault{400, "bad_request", {}, "this is not HTTP/1.1"}), true);
    }

    // `last` means that a part of the request was not read, so the connection must be closed.
    void reply(Response response, bool last) {
        release();
        response_ = {};
        response_.version(11);
        response_.result(static_cast<unsigned>(response.status));
        response_.set(http::field::content_type, response.content_type);
        response_.set("X-Content-Type-Options", "nosniff");
        response_.set(http::field::cache_control, response.asset ? "no-cache" : "no-store");
        if (response.asset) {
            response_.set("Content-Security-Policy",
                          beast::string_view(content_security_policy.data(), content_security_policy.size()));
            response_.set("Referrer-Policy", "no-referrer");
        }
        if (response.status == 401)
            response_.set(http::field::www_authenticate, "Bearer");
        if (!response.allow.empty())
            response_.set(http::field::allow, response.allow);
        if (response.retry_after > 0) // whole seconds
            response_.set(http::field::retry_after,
                          std::to_string(static_cast<long>(std::ceil(std::min(response.retry_after, 3600.0)))));
        last_ = last || server_.draining() || !parser_->keep_alive();
        response_.keep_alive(!last_);
        response_.content_length(response.body.size());
        server_.endpoints_->count(request_, response);
        if (request_.method != "HEAD")
            response_.body() = std::move(response.body);
        stream_.expires_after(std::chrono::seconds(server_.options_.request_seconds));
        unread_ = last;
        if (request_.method == "HEAD") {
            head_serializer_.emplace(response_);
            head_serializer_->split(true);
            http::async_write_header(
                stream_, *head_serializer_,
                [self = shared_from_this()](beast::error_code error, std::size_t) { self->have_replied(error); });
        } else {
            http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
                self->have_replied(error);
            });
        }
    }

    void have_replied(beast::error_code error) {
        if (error)
            return;
        response_.body() = {};
        if (!last_)
            return wait_for_request();
        close();
    }

    // If the client is still sending, reads on for a moment; otherwise it would get a reset instead of the answer.
    void close() {
        beast::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        if (unread_) {
            stream_.expires_after(2s);
            discard();
        }
    }

    void discard() {
        buffer_.clear();
        stream_.async_read_some(buffer_.prepare(buffer_bytes),
                                [self = shared_from_this()](beast::error_code error, std::size_t) {
                                    if (!error)
                                        self->discard();
                                });
    }

    std::string address() const {
        if (!trusted_)
            return peer_;
        // The proxy itself has appended the last address.
        const auto forwarded = to_string(parser_->get()["X-Forwarded-For"]);
        const auto comma = forwarded.rfind(',');
        std::string last = forwarded.substr(comma == std::string::npos ? 0 : comma + 1);
        last.erase(0, last.find_first_not_of(" \t"));
        last.erase(last.find_last_not_of(" \t") + 1);
        beast::error_code error;
        const auto address = net::ip::make_address(last, error);
        return error ? peer_ : client_of(address);
    }

    void release() { server_.budget_.give_back(std::exchange(taken_, 0)); }

    Server &server_;
    Stream stream_;
    beast::flat_buffer buffer_;
    const std::string peer_;
    const bool trusted_; // a proxy
    bool entered_ = false, idle_ = false, last_ = false, unread_ = false;
    std::size_t taken_ = 0; // of the budget
    std::optional<http::request_parser<http::string_body>> parser_;
    Request request_;
    std::optional<http::response<http::empty_body>> continue_;
    http::response<http::string_body> response_;
    std::optional<http::response_serializer<http::string_body>> head_serializer_;
};

Server::Server(const Options &options, Budget &budget, Metrics &metrics)
    : options_(options), budget_(budget), metrics_(metrics), contexts_([&] {
          std::vector<std::unique_ptr<net::io_context>> contexts;
          const unsigned threads =
              options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
          for (unsigned i = 0; i < threads; ++i)
              contexts.push_back(std::make_unique<net::io_context>(1));
          return contexts;
      }()),
      acceptor_(*contexts_.front()) {}

std::uint16_t Server::start(Endpoints &endpoints) {
    endpoints_ = &endpoints;
    const tcp::endpoint endpoint(net::ip::make_address(options_.host), options_.port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(net::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen(4096);
    accept();
    for (auto &context : contexts_) {
        guards_.emplace_back(context->get_executor());
        threads_.emplace_back([&context] { context->run(); });
    }
    return acceptor_.local_endpoint().port();
}

void Server::accept() {
    auto &context = *contexts_[next_++ % contexts_.size()];
    acceptor_.async_accept(context, [this](beast::error_code error, Stream::socket_type socket) {
        if (error == net::error::operation_aborted || draining_)
            return;
        if (error) { // most likely there are too many open files, and others have to be closed first
            log(spdlog::level::warn, "cannot accept a connection", {{"reason", error.message()}});
            std::this_thread::sleep_for(10ms);
        } else {
            beast::error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            const auto peer = socket.remote_endpoint(ignored).address();
            bool trusted = false;
            for (const auto &proxy : options_.trusted_proxies)
                trusted = trusted || net::ip::make_address(proxy) == peer;
            std::make_shared<Session>(*this, std::move(socket), client_of(peer), trusted)->start();
        }
        accept();
    });
}

// Connections with an empty address are not counted.
bool Server::enter(Session *session, const std::string &address) {
    const std::lock_guard lock(mutex_);
    if (sessions_.size() >= options_.connections)
        return false;
    if (!address.empty()) {
        unsigned &connections = addresses_[address];
        if (connections >= options_.connections_per_address)
            return false;
        ++connections;
    }
    sessions_.insert(session);
    metrics_.connections.Set(static_cast<double>(sessions_.size()));
    return true;
}

void Server::leave(Session *session, const std::string &address) {
    const std::lock_guard lock(mutex_);
    if (const auto found = addresses_.find(address); found != addresses_.end() && --found->second == 0)
        addresses_.erase(found);
    sessions_.erase(session);
    metrics_.connections.Set(static_cast<double>(sessions_.size()));
    if (sessions_.empty())
        empty_.notify_all();
}

bool Server::drain(std::chrono::seconds longest) {
    draining_ = true;
    net::post(acceptor_.get_executor(), [this] {
        beast::error_code ignored;
        acceptor_.close(ignored);
    });
    std::unique_lock lock(mutex_);
    std::vector<std::shared_ptr<Session>> sessions;
    for (Session *session : sessions_)
        if (auto held = session->weak_from_this().lock())
            sessions.push_back(std::move(held));
    lock.unlock();
    for (auto &session : sessions)
        session->end_if_idle();
    sessions.clear();
    lock.lock();
    return empty_.wait_for(lock, longest, [this] { return sessions_.empty(); });
}

void Server::stop() {
    guards_.clear();
    for (auto &context : contexts_)
        context->stop();
    for (auto &thread : threads_)
        thread.join();
    threads_.clear();
}

} // namespace gateway
