// Errors of the core. An Error needs no heap memory, so throwing one cannot run out of memory.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <exception>

namespace topk {

enum class Errc : uint8_t {
    invalid_parameter, // a parameter is outside its documented range
    out_of_range,      // a 64-bit count would overflow
    malformed,         // the bytes are not a state of the declared format
    mismatch,          // two states cannot be combined
    too_large,         // a state would exceed the size limit
};

class Error : public std::exception {
public:
    [[gnu::format(printf, 3, 4)]] Error(Errc code, const char *format, ...) : code_(code) {
        va_list args;
        va_start(args, format);
        vsnprintf(message_, sizeof(message_), format, args);
        va_end(args);
    }
    Errc code() const { return code_; }
    const char *what() const noexcept override { return message_; }

private:
    Errc code_;
    char message_[160];
};

} // namespace topk
