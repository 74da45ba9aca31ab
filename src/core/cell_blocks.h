// Stored form of an array of 64-bit cells: blocks of 64 cells, each preceded by the byte width of its largest cell. It is as
// short as varints if neighbours are similar, and ten times as fast to read.
#pragma once

#include <algorithm>

#include "wire.h"

namespace topk {

// The number of cells is a power of two and at least 8; fewer than 64 cells make one block.
class CellBlocks {
public:
    static constexpr uint32_t block_cells = 64;

    static size_t size(const uint64_t *cells, uint32_t n) {
        const uint32_t block = std::min(n, block_cells);
        size_t bytes = 0;
        for (uint32_t i = 0; i < n; i += block)
            bytes += 1 + size_t{block} * width_of(cells + i, block);
        return bytes;
    }

    // The smallest size of n cells. A reader compares it with the bytes that are there before it allocates memory for the
    // cells.
    static size_t min_size(uint32_t n) { return n + n / std::min(n, block_cells); }

    static void write(Writer &w, const uint64_t *cells, uint32_t n) {
        const uint32_t block = std::min(n, block_cells);
        for (uint32_t i = 0; i < n; i += block) {
            const uint32_t width = width_of(cells + i, block);
            w.u8(static_cast<uint8_t>(width));
            switch (width) {
                case 1: pack<1>(w, cells + i, block); break;
                case 2: pack<2>(w, cells + i, block); break;
                case 4: pack<4>(w, cells + i, block); break;
                default: pack<8>(w, cells + i, block); break;
            }
        }
    }

    // Calls take(first, cells, n, block) for each block in order; at_block(block, i) can read its cells again later.
    template <class Take>
    static void read(Reader &r, uint32_t n, Take take) {
        const uint32_t block = std::min(n, block_cells);
        uint64_t cells[block_cells];
        for (uint32_t i = 0; i < n; i += block) {
            const uint8_t *const start = r.at();
            const uint32_t width = read_width(r);
            const uint8_t *bytes = r.bytes(size_t{block} * width);
            switch (width) {
                case 1: unpack<1>(bytes, cells, block); break;
                case 2: unpack<2>(bytes, cells, block); break;
                case 4: unpack<4>(bytes, cells, block); break;
                default: unpack<8>(bytes, cells, block); break;
            }
            if (width_of(cells, block) != width)
                throw Error(Errc::malformed, "invalid width of cells");
            take(i, cells, block, start);
        }
    }

    // Returns a cell of a block that read() has checked.
    static uint64_t at_block(const uint8_t *start, uint32_t position) {
        const uint32_t width = *start;
        return Reader(start + 1 + size_t{position} * width, width).fixed(width);
    }

    // Returns one cell without reading the cells before it.
    static uint64_t read_one(Reader r, uint32_t n, uint32_t position) {
        const uint32_t block = std::min(n, block_cells);
        for (uint32_t i = 0; i < position / block; ++i)
            r.bytes(size_t{block} * read_width(r));
        const uint8_t *const start = r.at();
        r.bytes(size_t{block} * read_width(r));
        return at_block(start, position % block);
    }

private:
    static uint32_t width_of(const uint64_t *cells, uint32_t n) {
        uint64_t bits = 0;
        for (uint32_t i = 0; i < n; ++i)
            bits |= cells[i];
        return bits >> 32 != 0 ? 8 : bits >> 16 != 0 ? 4 : bits >> 8 != 0 ? 2 : 1;
    }

    static uint32_t read_width(Reader &r) {
        const uint32_t width = r.u8();
        if (width != 1 && width != 2 && width != 4 && width != 8)
            throw Error(Errc::malformed, "invalid width of cells");
        return width;
    }

    template <uint32_t width>
    static void pack(Writer &w, const uint64_t *__restrict cells, uint32_t n) {
        uint8_t bytes[width * block_cells];
        for (uint32_t i = 0; i < n; ++i)
            for (uint32_t b = 0; b < width; ++b)
                bytes[i * width + b] = static_cast<uint8_t>(cells[i] >> (8 * b));
        w.bytes(bytes, size_t{width} * n);
    }

    template <uint32_t width>
    static void unpack(const uint8_t *bytes, uint64_t *__restrict cells, uint32_t n) {
        for (uint32_t i = 0; i < n; ++i) {
            uint64_t cell = 0;
            for (uint32_t b = 0; b < width; ++b)
                cell |= uint64_t{bytes[i * width + b]} << (8 * b);
            cells[i] = cell;
        }
    }
};

} // namespace topk
