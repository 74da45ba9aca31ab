// The collector gathers the events of many requests into transactions, and answers each request when its events are
// committed.
//
// A submission has the events of one request. It waits in the lane of its stream and role. A writer is a thread with a
// database connection of its own. When the submissions of a lane have waited long enough, or are enough for a transaction, a
// writer takes them; from then on it alone holds them. It calls done() once for each of them:
//   - without a fault if the transaction was committed,
//   - with the reason if the transaction was certainly not committed,
//   - with 503 and the code outcome_unknown if the connection broke at the commit. The events are not sent again.
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

// The memory that bodies and waiting events take together, in bytes.
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
    std::shared_ptr<const Columns> columns; // the rows were written for these
    Rows rows;
    std::function<void(std::optional<Fault>, Rows &&)> done;
    Clock::time_point since{}; // when it was submitted

    std::size_t bytes() const {
        return sizeof(Submission) + 256 + rows.text.capacity() + rows.ids.capacity() * sizeof(EventId);
    }
};

class Collector {
public:
    Collector(const Options &options, Metrics &metrics, Budget &budget);
    ~Collector() { stop(); }

    // Returns the index of the stream; an empty name means the first one.
    std::optional<std::size_t> find_stream(std::string_view name) const;
    // Returns nullptr, and sets the fault, while the columns of the stream are not known.
    std::shared_ptr<const Columns> columns(std::size_t stream, Fault &fault) const;

    // Takes the submission, or returns the reason why not. In that case done() is never called, and the caller keeps the
    // submission.
    std::optional<Fault> submit(std::size_t stream, const std::string &role, Submission &submission);

    std::optional<Fault> readiness() const;

    // Refuses new submissions from now on. Returns whether all earlier ones were answered within this time.
    bool drain(std::chrono::seconds longest);
    void stop(); // answers waiting submissions with 503

private:
    struct Lane {
        std::size_t stream;
        std::string role;
        std::deque<Submission> waiting;
        std::size_t events = 0;
        unsigned writing = 0;            // transactions that run now
        Clock::time_point written{};     // end of the last transaction
        Clock::duration last_duration{}; // of the last transaction
    };
    struct Stream {
        std::string name;
        std::shared_ptr<const Columns> columns;
        std::string trouble; // why there are no columns
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
    unsigned connected_ = 0;     // writers with a connection
    Clock::time_point looked_{}; // when the columns were read
    std::string trouble_;        // of the last attempt to connect
    std::vector<std::thread> writers_;
};

// The answer to the senders of a transaction that failed.
Fault fault_of(const Result &result);

} // namespace gateway
