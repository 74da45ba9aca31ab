// The settings under which statements and stored expressions run.
#pragma once

#include "../pg/pg.h"

namespace topk::catalog {

// Each contains those before it, and takes longer to pin. Formats: how dates, times, intervals, floating-point numbers and
// bytea become text, most of what expressions read. Statements: names and parsing, too.
enum class Settings { none, formats, statements, all };

// Gives every setting that can change the meaning of a statement or of a stored expression one value for all sessions; with
// a zone, TimeZone too. Returns what unpin_settings() takes. An error ends it by itself.
int pin_settings(pg_tz *zone = nullptr, Settings which = Settings::all);
// Puts back what the settings were, also those that a user's function has changed meanwhile.
void unpin_settings(int level);

} // namespace topk::catalog
