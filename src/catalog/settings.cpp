#include "settings.h"

extern "C" {
#include "utils/guc.h"
}

namespace topk::catalog {
namespace {

// docs/streams.md lists them too, and says why no other setting of PostgreSQL 15 to 18 is here.
const char *const pinned[][2] = {
    // Formats
    {"DateStyle", "ISO, YMD"},
    {"IntervalStyle", "postgres"},
    {"bytea_output", "hex"},
    {"extra_float_digits", "1"},
    // Statements
    {"search_path", "pg_catalog, pg_temp"},
    {"quote_all_identifiers", "off"}, // quote_ident(), format('%I'), and printed expressions
    {"standard_conforming_strings", "on"},
    {"backslash_quote", "safe_encoding"},
    {"transform_null_equals", "off"},
    {"array_nulls", "on"},
    // Only expressions of users read these.
    {"timezone_abbreviations", "Default"},
    {"xmlbinary", "base64"},
    {"xmloption", "content"},
    {"lc_monetary", "C"},
    {"lc_numeric", "C"},
    {"lc_time", "C"},
    {"default_text_search_config", "pg_catalog.simple"},
};
constexpr size_t counts[] = {0, 4, 10, lengthof(pinned)}; // by Settings: the first ones

// Setting a value takes microseconds, and much more where a locale or a file is read; most have it already.
void pin(const char *name, const char *value) {
    const char *current = GetConfigOption(name, true, false);
    if (current == nullptr || strcmp(current, value) != 0)
        set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

} // namespace

int pin_settings(pg_tz *zone, Settings which) {
    const int level = NewGUCNestLevel();
    for (size_t i = 0; i < counts[static_cast<int>(which)]; ++i)
        pin(pinned[i][0], pinned[i][1]);
    if (zone != nullptr)
        pin("TimeZone", pg_get_timezone_name(zone));
    return level;
}

void unpin_settings(int level) { AtEOXact_GUC(false, level); }

} // namespace topk::catalog
