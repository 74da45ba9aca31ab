#include "insert_delay.h"

#include "../stream/delta_log.h"
#include "settings.h"
#include "slots.h"
#include "time_slice.h"

extern "C" {
#include "storage/condition_variable.h"
#include "storage/ipc.h"
}

namespace topk::worker {
namespace {

constexpr uint64 free_bytes =
    BLCKSZ; // that a backend writes in a round without a delay: single rows are not what folds wait for
constexpr int longest_delay_at = 32; // times wake_size
constexpr int answer_share = 5;      // of the longest delay, while an answer is under way
constexpr int longest_round = 10;    // times the longest delay: such a round waits itself, for a lock or for the disk

// Of this backend: what it has committed since a round began, and in the one before.
struct Written {
    uint32 round;
    uint64 bytes, before;
};
Written written = {};
int answers = 0;

void go_on_to(uint32 round) {
    if (round != written.round)
        written = {round, 0, round == written.round + 1 ? written.bytes : 0};
}

// How long a statement that begins now waits, in ms.
int64 delay_now() {
    Backlog backlog;
    if (insert_delay == 0 || !read_backlog(&backlog))
        return 0;
    go_on_to(backlog.round);
    if (written.bytes + written.before < free_bytes)
        return 0;
    if (backlog.round_began != 0 &&
        TimestampDifferenceExceeds(backlog.round_began, GetCurrentTimestamp(), longest_round * insert_delay))
        return 0;
    const auto unhurried = static_cast<double>(wake_bytes());
    double share = 0;
    if (written.bytes >= free_bytes && backlog.bytes > wake_bytes())
        share += (static_cast<double>(backlog.bytes) - unhurried) / (longest_delay_at * unhurried);
    // Those of the round before count too, as little has been written when a round begins, and an answer reads what it
    // folds.
    if (backlog.has_answers && std::max(backlog.bytes, backlog.bytes_before) > wake_bytes())
        share += 1.0 / answer_share;
    return static_cast<int64>(std::min(share, 1.0) * insert_delay);
}

void begin_statement() {
    set_time_slice(0);
    int64 delay = delay_now();
    if (delay == 0)
        return;
    const TimestampTz since = GetCurrentTimestamp();
    for (int64 waited; (waited = TimestampDifferenceMilliseconds(since, GetCurrentTimestamp())) < delay; delay = delay_now())
        wait_for_change(delay - waited);
    ConditionVariableCancelSleep();
}

// A session that is terminated does not end its answers.
void at_exit(int, Datum) {
    count_answers(-answers);
    answers = 0;
}

void note_answer(bool begins) {
    if (begins)
        set_time_slice(answer_slice);
    static bool registered = false;
    if (!registered)
        before_shmem_exit(at_exit, (Datum)0);
    registered = true;
    const int change = begins ? 1 : -1;
    answers += change;
    count_answers(change);
}

} // namespace

void use_insert_delay() {
    stream::capture_hook = begin_statement;
    stream::answer_hook = note_answer;
}

void count_written(uint32 round, uint64 bytes) {
    go_on_to(round);
    written.bytes += bytes;
}

} // namespace topk::worker
