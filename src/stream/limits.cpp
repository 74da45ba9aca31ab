#include "limits.h"

#include <cmath>

#include "../catalog/tables.h"
#include "../pg/array.h"
#include "../pg/relcache.h"

extern "C" {
#include "catalog/pg_authid.h"
}

namespace topk::stream {
namespace {

constexpr int64 rows_per_look = 64;

bool known = false; // whether the rules are those of the table
uint64 changes = 0;
Array<LimitRule> rules = {};
MemoryContext rules_context = nullptr;
Oid table_seen = InvalidOid;

// Which rules apply to a source and a user: found once, as there may be thousands of rules.
struct Match {
    struct {
        Oid relation, user;
    } key;
    Limits *limits; // nullptr: none apply
};

constexpr long most_matches = 1000;
bool matches_valid = false;
HTAB *matches = nullptr;
MemoryContext matches_context = nullptr;

// A change of any relation may be one of its name, its columns or what it is a partition of.
void forget_changed(Oid relation) {
    matches_valid = false;
    if (OidIsValid(relation) && relation != table_seen)
        return;
    known = false;
    ++changes;
}

void forget_all(Datum, int, uint32) { forget_changed(InvalidOid); }

void forget_matches(Datum, int, uint32) { matches_valid = false; }

[[gnu::noinline]] void load() {
    if (rules_context == nullptr) {
        rules_context = AllocSetContextCreate(CacheMemoryContext, "pg_topk limits", ALLOCSET_SMALL_SIZES);
        pg::on_relation_change(forget_changed);
        for (const auto id : {AUTHOID, AUTHMEMMEMROLE, DATABASEOID}) // roles, their members, the database's owner
            CacheRegisterSyscacheCallback(id, forget_matches, (Datum)0);
        CacheRegisterSyscacheCallback(AUTHOID, forget_all, (Datum)0);
    }
    table_seen = table_oid(Table::limit_rule);
    const uint64 before = changes;
    rules = {};
    MemoryContextReset(rules_context);
    RowScan scan;
    LimitRule rule;
    begin_limits(&scan);
    while (next_limit(&scan, &rule)) {
        MemoryContext old = MemoryContextSwitchTo(rules_context);
        if (rule.role_name != nullptr)
            rule.role_name = pstrdup(rule.role_name);
        rules.add(rule);
        MemoryContextSwitchTo(old);
    }
    known = changes == before;
}

bool applies_to_user(const LimitRule &rule) {
    if (rule.any_role)
        return true;
    const Oid user = GetUserId();
    return OidIsValid(rule.role) &&
           (rule.role == user || (!superuser_arg(user) && is_member_of_role_nosuper(user, rule.role)));
}

bool applies_to(const LimitRule &rule, Relation relation, const Oid *ancestors, int ancestor_count) {
    bool found = !OidIsValid(rule.source) || rule.source == RelationGetRelid(relation);
    for (int i = 0; i < ancestor_count && !found; ++i)
        found = rule.source == ancestors[i];
    return found && applies_to_user(rule);
}

AttrNumber metadata_column(Relation relation) {
    const TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(descriptor, i);
        if (!column->attisdropped && column->attlen == -1 && strcmp(NameStr(column->attname), "metadata") == 0)
            return static_cast<AttrNumber>(i + 1);
    }
    return 0;
}

void lower(int32 *limit, int32 to) {
    if (to != 0)
        *limit = Min(*limit, to);
}

[[gnu::noinline]] Limits *match(Relation relation, const Oid *ancestors, int ancestor_count) {
    auto *limits = static_cast<Limits *>(palloc0(sizeof(Limits)));
    limits->next_look = rows_per_look;
    limits->item_bytes = limits->metadata_bytes = PG_INT32_MAX;
    limits->quotas = static_cast<LimitRule *>(palloc(rules.count * sizeof(LimitRule)));
    for (const LimitRule &rule : rules) {
        if (!applies_to(rule, relation, ancestors, ancestor_count))
            continue;
        lower(&limits->item_bytes, rule.item_bytes);
        lower(&limits->metadata_bytes, rule.metadata_bytes);
        if (rule.events_per_second != 0 && has_token_buckets())
            limits->quotas[limits->quota_count++] = rule;
    }
    limits->relation = pstrdup(RelationGetRelationName(relation));
    if (limits->metadata_bytes != PG_INT32_MAX)
        limits->metadata = metadata_column(relation);
    return limits->quota_count != 0 || limits->item_bytes != PG_INT32_MAX || limits->metadata != 0 ? limits : nullptr;
}

void empty_matches() {
    if (matches_context == nullptr)
        matches_context = AllocSetContextCreate(CacheMemoryContext, "pg_topk limits of sources", ALLOCSET_SMALL_SIZES);
    matches = nullptr;
    MemoryContextReset(matches_context);
    HASHCTL control = {};
    control.keysize = sizeof(Match::key);
    control.entrysize = sizeof(Match);
    control.hcxt = matches_context;
    matches = hash_create("pg_topk limits of sources", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    matches_valid = true; // unless a change comes while rules are matched
}

// In the current memory context.
Limits *copy(const Limits *from) {
    auto *limits = static_cast<Limits *>(palloc(sizeof(Limits)));
    *limits = *from;
    limits->relation = pstrdup(from->relation);
    const Size size = from->quota_count * sizeof(LimitRule);
    limits->quotas = static_cast<LimitRule *>(palloc(size + 1));
    memcpy(static_cast<void *>(limits->quotas), from->quotas, size);
    return limits;
}

const Limits *find_match(Relation relation, const Oid *ancestors, int ancestor_count) {
    if (!matches_valid || hash_get_num_entries(matches) >= most_matches)
        empty_matches();
    const decltype(Match::key) key = {RelationGetRelid(relation), GetUserId()};
    if (auto *known_match = static_cast<Match *>(hash_search(matches, &key, HASH_FIND, nullptr)))
        return known_match->limits;
    const Limits *found = match(relation, ancestors, ancestor_count);
    MemoryContext caller = MemoryContextSwitchTo(matches_context);
    Limits *kept = found == nullptr ? nullptr : copy(found);
    MemoryContextSwitchTo(caller);
    static_cast<Match *>(hash_search(matches, &key, HASH_ENTER, nullptr))->limits = kept;
    return kept;
}

const char *describe(const LimitRule &rule) {
    const char *of = rule.any_role ? "all roles together" : psprintf("role \"%s\"", GetUserNameFromId(rule.role, true));
    const char *into = OidIsValid(rule.source) ? get_rel_name(rule.source) : nullptr;
    const char *where = into == nullptr ? "" : psprintf(" into \"%s\"", into);
    return psprintf("%g events per second of %s%s", rule.events_per_second, of, where);
}

[[noreturn]] void raise_quota(const LimitRule &rule, int64 rows, double seconds) {
    if (rows > rule.burst)
        ereport(ERROR,
                (errcode(event_quota_exceeded), errmsg("event quota exceeded: %s", describe(rule)),
                 errdetail("The statement has more events than the limit's burst of " INT64_FORMAT ": it can never pass.",
                           rule.burst),
                 errhint("Insert fewer rows at a time.")));
    ereport(ERROR, (errcode(event_quota_exceeded), errmsg("event quota exceeded: %s", describe(rule)),
                    errdetail("Retry in %.10g s.", std::ceil(seconds * 1000) / 1000)));
    pg_unreachable();
}

void look_ahead(Limits *limits) {
    limits->next_look = limits->rows + rows_per_look;
    for (int i = 0; i < limits->quota_count; ++i) {
        const LimitRule &rule = limits->quotas[i];
        const double seconds = seconds_until(bucket_of(rule), limits->rows);
        if (seconds != 0)
            raise_quota(rule, limits->rows, seconds);
    }
}

void check_metadata(const Limits *limits, TupleTableSlot *slot) {
    bool null;
    const Datum value = slot_getattr(slot, limits->metadata, &null);
    if (null)
        return;
    const Size size = toast_raw_datum_size(value) - VARHDRSZ;
    if (size > static_cast<Size>(limits->metadata_bytes))
        ereport(ERROR, (errcode(value_too_large), errmsg("metadata is too large"),
                        errdetail("Column \"metadata\" of \"%s\" has %zu bytes, the limit is %d.", limits->relation, size,
                                  limits->metadata_bytes)));
}

} // namespace

LimitRules limit_rules() {
    if (!known)
        load();
    return {rules.count, rules.elements};
}

Limits *find_limits(Relation relation, const Oid *ancestors, int ancestor_count) {
    if (!known) [[unlikely]]
        load();
    const Limits *found = rules.count == 0 ? nullptr : find_match(relation, ancestors, ancestor_count);
    return found == nullptr ? nullptr : copy(found);
}

void check_row(Limits *limits, TupleTableSlot *slot) {
    if (limits->metadata != 0)
        check_metadata(limits, slot);
    if (++limits->rows >= limits->next_look && !limits->taken)
        look_ahead(limits);
}

void check_item(const Limits *limits, const char *rollup, Kind kind, Datum item) {
    const Size fixed = fixed_length(kind);
    const Size size = fixed != 0 ? fixed : toast_raw_datum_size(item) - VARHDRSZ;
    if (size > static_cast<Size>(limits->item_bytes))
        ereport(ERROR,
                (errcode(value_too_large), errmsg("item is too large"),
                 errdetail("Item of rollup \"%s\" has %zu bytes, the limit is %d.", rollup, size, limits->item_bytes)));
}

void take_quota(Limits *limits, int64 rows) {
    if (limits->taken || rows == 0)
        return;
    limits->taken = true;
    for (int i = 0; i < limits->quota_count; ++i) {
        const LimitRule &rule = limits->quotas[i];
        const double seconds = take_tokens(bucket_of(rule), rows);
        if (seconds == 0)
            continue;
        for (int before = 0; before < i; ++before)
            give_back(bucket_of(limits->quotas[before]), rows);
        raise_quota(rule, rows, seconds);
    }
}

} // namespace topk::stream
