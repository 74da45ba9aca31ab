// The first eight bytes of every stored state: its type, format version, flags and kind of items.
#pragma once

#include "error.h"
#include "wire.h"

namespace topk {

inline constexpr uint8_t header_magic[2] = {'T', 'K'};
inline constexpr uint8_t header_spacesaving = 'S';
inline constexpr uint8_t header_cms = 'C';

struct Header {
    uint8_t type;
    uint8_t version;
    uint8_t flags;
    uint8_t kind;
};

inline void write_header(Writer &w, const Header &h) {
    w.bytes(header_magic, 2);
    w.u8(h.type);
    w.u8(h.version);
    w.u8(h.flags);
    w.u8(h.kind);
    w.u8(0);
    w.u8(0);
}

inline Header read_header(Reader &r, uint8_t type, uint8_t version, uint8_t flags, uint8_t last_kind) {
    const uint8_t *magic = r.bytes(2);
    Header h{};
    h.type = r.u8();
    if (magic[0] != header_magic[0] || magic[1] != header_magic[1] || h.type != type)
        throw Error(Errc::malformed, "not a state of this type");
    h.version = r.u8();
    if (h.version != version)
        throw Error(Errc::malformed, "unsupported format version %u", h.version);
    h.flags = r.u8();
    h.kind = r.u8();
    if ((h.flags & ~flags) != 0 || h.kind > last_kind || r.u8() != 0 || r.u8() != 0)
        throw Error(Errc::malformed, "invalid header");
    return h;
}

} // namespace topk
