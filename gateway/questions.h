// Questions to the database. They are documented SQL, run read-only under the role of the key, and return JSON that the
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
    std::string sql; // returns one value
    std::vector<std::optional<std::string>> parameters;

    bool operator==(const Question &) const = default;
};

// The arguments of a request. Each name occurs once.
using Arguments = std::vector<std::pair<std::string, std::string>>;

// The questions of the endpoints, or a fault that names the wrong argument. `rollup` is one of the options'.
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

// The answer to the client if the database refuses a question.
Fault question_fault(const Result &result);

// Asks questions with --askers threads, each with a database connection of its own. If equal questions of one role wait at
// the same time, the database is asked once. It is asked after all of them have arrived, so each gets an answer that is
// fresh.
class Askers {
public:
    // Takes a fault or the value; NULL is an empty text.
    using Done = std::function<void(std::variant<std::string, Fault>)>;

    explicit Askers(const Options &options);
    ~Askers() { stop(); }

    // Calls done once, in any thread.
    void ask(const std::string &role, Question question, Done done);

    void stop(); // answers waiting questions with 503

private:
    struct Waiting {
        std::string role;
        Question question;
        std::vector<Done> done;
        Clock::time_point since; // when the first of them came
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
