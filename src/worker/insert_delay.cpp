#include "insert_delay.h"

#include "../stream/delta_log.h"
#include "settings.h"
#include "slots.h"

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

// Of this backend.
uint32 written_in = 0;
uint64 written = 0;
int answers = 0;

// How long a statement that begins now waits, in ms.
int64 delay_now() {
    Backlog backlog;
    if (written < free_bytes || insert_delay == 0 || !read_backlog(&backlog) || backlog.round != written_in ||
        backlog.bytes <= wake_bytes())
        return 0;
    if (backlog.round_began != 0 &&
        TimestampDifferenceExceeds(backlog.round_began, GetCurrentTimestamp(), longest_round * insert_delay))
        return 0;
    const double share =
        static_cast<double>(backlog.bytes - wake_bytes()) / (longest_delay_at * static_cast<double>(wake_bytes())) +
        (backlog.has_answers ? 1.0 / answer_share : 0.0);
    return static_cast<int64>(std::min(share, 1.0) * insert_delay);
}

void wait_for_folds() {
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
    stream::capture_hook = wait_for_folds;
    stream::answer_hook = note_answer;
}

void count_written(uint32 round, uint64 bytes) {
    written = (round == written_in ? written : 0) + bytes;
    written_in = round;
}

} // namespace topk::worker
