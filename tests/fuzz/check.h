// An assertion that optimised builds check too.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                                                    \
    do {                                                                                                                    \
        if (!(condition)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                                   \
            abort();                                                                                                        \
        }                                                                                                                   \
    } while (false)
