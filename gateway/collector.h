// Gathers the events of many requests into transactions, and says of each request what became of its events.
//
// A request waits in the lane of its stream and role. A writer, a thread with a connection of its own, takes what has waited
// long enough or is enough for a transaction, and is the only one to hold it from then on. done() is called once for each
// submission that was taken, by a writer, when
//   - the transaction that has it was committed: nothing,
//   - it was certainly not: the fault says why,
//   - nobody knows: 503 with the code outcome_unknown. It is never sent again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "events.h"
#include "limits.h"
#include "metrics.h"
#include "options.h"
#include "pool.h"

namespace gateway {

// Memory of bodies that arrive and of events that wait, together, in bytes.
class Budget {
public:
    explicit Budget(std::size_t limit) : limit_(limit) {}
    bool take(std::size_t bytes);
    void give_back(std::size_t bytes) { used_ -= bytes; }
    std::size_t used() const { return used_; }
    bool near_limit() const { return used_ >= limit_ / 10 * 9; }

private:
    const std::size_t limit_;
    std::atomic<std::size_t> used_ = 0;
};

struct Submission {
    std::shared_ptr<const Columns> columns; // that the rows were written for
    Rows rows;
    std::function<void(std::optional<Fault>, Rows &&)> done;
    Clock::time_point since{}; // it waits

    std::size_t bytes() const {
        return sizeof(Submission) + 256 + rows.text.capacity() + rows.ids.capacity() * sizeof(EventId);
    }
};

class Collector {
public:
    Collector(const Options &options, Metrics &metrics, Budget &budget);
    ~Collector() { stop(); }

    // Index of the stream (empty: the first), or nothing.
    std::optional<std::size_t> find_stream(std::string_view name) const;
    // Nothing while the database has not said what the stream's columns are: the fault says why.
    std::shared_ptr<const Columns> columns(std::size_t stream, Fault &fault) const;

    // Takes the submission, or returns why not; then done() is never called, and the submission is still the caller's.
    std::optional<Fault> submit(std::size_t stream, const std::string &role, Submission &submission);

    std::optional<Fault> readiness() const;

    // Refuses new submissions; returns when all that were taken are answered, at the latest after so long.
    bool drain(std::chrono::seconds longest);
    void stop(); // answers those that wait with 503

private:
    struct Lane {
        std::size_t stream;
        std::string role;
        std::deque<Submission> waiting;
        std::size_t events = 0;
        unsigned writing = 0;            // transactions
        Clock::time_point written{};     // the end of the last one
        Clock::duration last_duration{}; // and its time
    };
    struct Stream {
        std::string name;
        std::shared_ptr<const Columns> columns;
        std::string trouble; // why there are none
    };
    using Batch = std::deque<Submission>;

    void write_forever();
    bool reach_database(Connection &connection);
    void look_at_streams(Connection &connection);
    Clock::time_point ripe_at(const Lane &lane) const;
    Batch take(Lane &lane, Batch &outdated);
    void write(Connection &connection, const Lane &lane, Batch &batch, std::size_t &quota);
    Result copy(Connection &connection, const Lane &lane, const Batch &batch);
    void answer(Batch &batch, const std::optional<Fault> &fault);
    Fault unavailable_fault() const;

    const Options &options_;
    Metrics &metrics_;
    Budget &budget_;

    mutable std::mutex mutex_;
    std::condition_variable work_, idle_;
    std::vector<Stream> streams_;
    std::map<std::pair<std::size_t, std::string>, Lane> lanes_;
    std::size_t unanswered_ = 0;
    bool draining_ = false, stopping_ = false;
    unsigned connected_ = 0;     // writers
    Clock::time_point looked_{}; // at the streams
    std::string trouble_;        // the last one of connecting
    std::vector<std::thread> writers_;
};

// What a failed transaction means for whom it was of.
Fault fault_of(const Result &result);

} // namespace gateway
