// Questions to the database: read-only, under the role of who asks, in documented SQL. What comes back is JSON that the
// database has made.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "fault.h"
#include "limits.h"
#include "options.h"
#include "pool.h"

namespace gateway {

struct Question {
    std::string sql; // gives one value
    std::vector<std::optional<std::string>> parameters;
};

// Arguments of a request, by name: each at most once.
using Arguments = std::vector<std::pair<std::string, std::string>>;

// What these endpoints ask the database. `rollup` is one that the options allow. A fault names the argument that is wrong.
std::variant<Question, Fault> topk_question(const std::string &rollup, const Arguments &arguments);
std::variant<Question, Fault> frequency_question(const std::string &rollup, const std::string &item,
                                                 const Arguments &arguments);
std::variant<Question, Fault> series_question(const std::string &rollup, const std::string &item,
                                              const Arguments &arguments);
std::variant<Question, Fault> trending_question(const std::string &rollup, const Arguments &arguments);
std::variant<Question, Fault> history_question(const std::string &rollup, const Arguments &arguments);
Question rollups_question(const std::vector<std::string> &rollups);
Question ready_question();
Question metrics_question();

// What the database says of a question that it refuses.
Fault question_fault(const Result &result);

// Asks questions on connections of its own, each in a thread; there are --askers of them.
class Askers {
public:
    // A fault, or the value, which is empty where it is NULL.
    using Done = std::function<void(std::variant<std::string, Fault>)>;

    explicit Askers(const Options &options);
    ~Askers() { stop(); }

    // done() is called once, in another thread.
    void ask(const std::string &role, Question question, Done done);

    void stop(); // answers those that wait with 503

private:
    struct Waiting {
        std::string role;
        Question question;
        Done done;
        Clock::time_point since;
    };

    void ask_forever();
    std::variant<std::string, Fault> answer(Connection &connection, const Waiting &waiting);

    const Options &options_;
    std::mutex mutex_;
    std::condition_variable work_;
    std::deque<Waiting> waiting_;
    bool stopping_ = false;
    std::string trouble_;
    std::vector<std::thread> askers_;
};

} // namespace gateway
