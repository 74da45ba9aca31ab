// Notices: the current transaction counts them when it commits.
#include "../pg/array.h"
#include "../stream/delta_log.h"
#include "counters.h"

extern "C" {
#include "access/xact.h"
}

namespace topk::statistics {
namespace {

// The notices of the current transaction, in the order in which things happened: so those of a subtransaction come after
// those that its parent had before.
struct Notice {
    enum What { appended, folded, forgotten } what;
    int32 rollup;
    SubTransactionId subtransaction;
    uint64 events;
    FoldMark mark;
};

Array<Notice> notices = {};

Notice *add_notice(Notice::What what, int32 rollup) {
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    Notice *notice = &notices.add({what, rollup, GetCurrentSubTransactionId(), 0, {}});
    MemoryContextSwitchTo(old);
    return notice;
}

void add_appended(int32 rollup, SubTransactionId subtransaction, uint64 events) {
    for (int i = notices.count; i > 0 && notices[i - 1].subtransaction == subtransaction; --i) {
        Notice *notice = &notices[i - 1];
        if (notice->what == Notice::appended && notice->rollup == rollup) {
            notice->events += events;
            return;
        }
    }
    Notice *notice = add_notice(Notice::appended, rollup);
    notice->subtransaction = subtransaction;
    notice->events = events;
}

void delta_appended(const Delta &delta) {
    if (delta.form.scope == DeltaScope::raw) // folds append the others
        add_appended(delta.form.rollup, GetCurrentSubTransactionId(),
                     delta.form.tile == DT_NOBEGIN ? 0 : static_cast<uint64>(delta.form.events));
}

void count_notice(const Notice &notice, TimestampTz now) {
    const uint64 key = key_of(notice.rollup);
    if (notice.what == Notice::forgotten) {
        free_counters_where([&](uint64 other) { return other == key; });
        return;
    }
    RollupCounters *counters = find_or_take_counters(key);
    if (counters == nullptr)
        return;
    if (notice.what == Notice::appended)
        count_commit(counters, now, notice.events);
    else
        count_fold(counters, notice.mark);
}

void at_transaction_event(XactEvent event, void *) {
    if (notices.count == 0)
        return;
    if (event == XACT_EVENT_COMMIT) {
        const TimestampTz now = GetCurrentTransactionStopTimestamp();
        for (const Notice &notice : notices)
            count_notice(notice, now);
    }
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        notices.count = 0;
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId self, SubTransactionId parent, void *) {
    if (notices.count == 0 || (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB))
        return;
    int first = notices.count;
    while (first > 0 && notices[first - 1].subtransaction == self)
        --first;
    const int end = notices.count;
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        notices.count = first;
        return;
    }
    // The notices become the parent's. It may have one of the same rollup, to which the events are added then.
    notices.count = first;
    for (int i = first; i < end; ++i) {
        const Notice notice = notices[i]; // no more are added than are taken away, so there is room
        if (notice.what == Notice::appended)
            add_appended(notice.rollup, parent, notice.events);
        else
            notices.add(notice).subtransaction = parent;
    }
}

} // namespace

void observe_transactions() {
    static bool registered = false;
    if (registered)
        return;
    registered = true;
    delta_append_hook = delta_appended;
    RegisterXactCallback(at_transaction_event, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
}

void looked_at_all(int32 rollup, const FoldMark &mark) {
    if (has_statistics())
        add_notice(Notice::folded, rollup)->mark = mark;
}

void forget_rollup(int32 rollup) {
    if (has_statistics())
        add_notice(Notice::forgotten, rollup);
}

} // namespace topk::statistics
