// Token buckets in shared memory: how many events may be captured at once, and how many per second in the long run. There
// are none without shared_preload_libraries.
#pragma once

#include "../pg/pg.h"

namespace topk::stream {

// For the hooks that set up shared memory (src/module/init.cpp).
void request_token_buckets();
void attach_token_buckets();
bool has_token_buckets();

struct TokenBucket {
    int32 id;    // of the limit, in this database
    Oid source;  // of the limit; InvalidOid: every source
    double rate; // tokens per second
    int64 burst; // tokens that it holds; full at first
};

// Both: how many seconds it takes until the bucket holds n tokens, at most its burst; 0: it does.
double seconds_until(const TokenBucket &bucket, int64 n);
double take_tokens(const TokenBucket &bucket, int64 n); // takes them when it does
void give_back(const TokenBucket &bucket, int64 n);
int64 tokens_left(const TokenBucket &bucket); // whole ones

// Frees the places of this database, but for those of the given limits. Sorts the ids.
void forget_buckets_except(int32 *ids, int count);
void forget_buckets_of_dropped(const List *existing_databases);

} // namespace topk::stream
