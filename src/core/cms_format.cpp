#include "cms_format.h"

#include <algorithm>
#include <vector>

#include "header.h"

namespace topk {

namespace {

constexpr uint8_t flag_dense = 1;

// Computes the size of the cells in either form, from the nonzero cells in ascending order.
class FormSizes {
public:
    explicit FormSizes(uint32_t cells) : zeros_(cells) {}

    void add(uint32_t cell, uint64_t count) {
        gaps_ += varint_size(cell - next_);
        counts_ += varint_size(count);
        next_ = cell + 1;
        ++nonzero_;
        --zeros_;
    }

    uint32_t nonzero() const { return nonzero_; }
    size_t sparse() const { return varint_size(nonzero_) + gaps_ + counts_; }
    size_t dense() const { return zeros_ + counts_; }
    // The shorter form is required, so that equal sketches have equal bytes.
    bool is_dense() const { return dense() < sparse(); }

private:
    size_t gaps_ = 0;
    size_t counts_ = 0;
    uint32_t next_ = 0;
    uint32_t nonzero_ = 0;
    uint32_t zeros_;
};

struct Cell {
    uint32_t cell;
    uint64_t count;
};

std::vector<Cell> sorted_cells(const CountMin &s) {
    std::vector<Cell> cells;
    cells.reserve(s.nonzero());
    s.for_each_slot([&](uint32_t cell, uint64_t count) { cells.push_back({cell, count}); });
    std::sort(cells.begin(), cells.end(), [](const Cell &a, const Cell &b) { return a.cell < b.cell; });
    return cells;
}

template <class Visit>
void for_each_nonzero(const CountMin &dense, Visit visit) {
    for (uint32_t i = 0, n = dense.parameters().cells(); i < n; ++i)
        if (dense.cells()[i] != 0)
            visit(i, dense.cells()[i]);
}

void write_head(Writer &w, const CountMin &s, bool dense) {
    write_header(w, {header_cms, StoredCms::version, dense ? flag_dense : uint8_t{0}, static_cast<uint8_t>(s.kind())});
    w.varint(s.width());
    w.varint(s.depth());
    w.u64(s.seed());
    w.varint(s.total());
}

// Most counts of a sketch take one byte, so they are written eight at a time.
void write_counts(Writer &w, const uint64_t *cells, uint32_t n) {
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t bits = 0;
        for (uint32_t j = 0; j < 8; ++j)
            bits |= cells[i + j];
        uint8_t bytes[8];
        for (uint32_t j = 0; j < 8; ++j)
            bytes[j] = static_cast<uint8_t>(cells[i + j]);
        if (bits < 0x80)
            w.bytes(bytes, 8);
        else
            for (uint32_t j = 0; j < 8; ++j)
                w.varint(cells[i + j]);
    }
    for (; i < n; ++i)
        w.varint(cells[i]);
}

// Whether the dense form is the shorter one beyond doubt: in the other one, each cell that is not zero takes one byte more.
bool is_surely_dense(const CountMin &s) {
    uint32_t zeros = 0;
    const uint32_t n = s.parameters().cells();
    for (uint32_t i = 0; i < n; ++i)
        zeros += s.cells()[i] == 0;
    return zeros < n - zeros;
}

// for_each(visit) calls visit(cell, count) for the nonzero cells in ascending order.
template <class ForEach>
size_t write(const CountMin &s, uint8_t *out, const ForEach &for_each) {
    FormSizes sizes(s.parameters().cells());
    for_each([&](uint32_t cell, uint64_t count) { sizes.add(cell, count); });
    const bool dense = sizes.is_dense();

    Writer w(out);
    write_head(w, s, dense);
    uint32_t next = 0;
    if (dense) {
        for_each([&](uint32_t cell, uint64_t count) {
            for (; next < cell; ++next)
                w.u8(0);
            w.varint(count);
            next = cell + 1;
        });
        for (; next < s.parameters().cells(); ++next)
            w.u8(0);
    } else {
        w.varint(sizes.nonzero());
        for_each([&](uint32_t cell, uint64_t count) {
            w.varint(cell - next);
            w.varint(count);
            next = cell + 1;
        });
    }
    return static_cast<size_t>(w.at() - out);
}

} // namespace

size_t StoredCms::packed_bound(const CountMin &s) {
    const uint32_t cells = s.parameters().cells();
    if (s.is_dense()) {
        uint64_t bits = 0;
        for (uint32_t i = 0; i < cells; ++i)
            bits |= s.cells()[i];
        return max_header_size + cells * varint_size(bits);
    }
    size_t size = max_header_size;
    s.for_each_slot([&](uint32_t, uint64_t count) { size += varint_size(cells) + varint_size(count); });
    return size;
}

size_t StoredCms::pack(const CountMin &s, uint8_t *out) {
    if (s.is_dense() && is_surely_dense(s)) {
        Writer w(out);
        write_head(w, s, true);
        write_counts(w, s.cells(), s.parameters().cells());
        return static_cast<size_t>(w.at() - out);
    }
    if (s.is_dense())
        return write(s, out, [&](const auto &visit) { for_each_nonzero(s, visit); });
    const std::vector<Cell> cells = sorted_cells(s);
    return write(s, out, [&](const auto &visit) {
        for (const Cell &c : cells)
            visit(c.cell, c.count);
    });
}

StoredCms::StoredCms(const uint8_t *bytes, size_t size) : body_(bytes, size) {
    const Header header = read_header(body_, header_cms, version, flag_dense, kind_last);
    const auto require = [](bool holds, const char *what) {
        if (!holds)
            throw Error(Errc::malformed, "invalid %s", what);
    };
    kind_ = static_cast<Kind>(header.kind);
    dense_ = (header.flags & flag_dense) != 0;
    const uint64_t width = body_.varint();
    require(width >= 1 && width <= CmsParameters::max_width, "width");
    const uint64_t depth = body_.varint();
    require(depth >= 1 && depth <= CmsParameters::max_depth, "depth");
    require(width * depth <= CmsParameters::max_cells, "number of cells");
    parameters_ = {static_cast<uint32_t>(width), static_cast<uint32_t>(depth), body_.u64()};
    total_ = body_.varint();
    require(total_ <= max_total, "total weight");
    require(kind_ != Kind::none || total_ == 0, "kind");
    const uint64_t nonzero = dense_ ? 0 : body_.varint();
    require(nonzero <= parameters_.cells(), "number of nonzero cells");
    nonzero_ = static_cast<uint32_t>(nonzero);
    // Readers allocate memory by these numbers, so the bytes must exist: one for each count, and one for the gap before it.
    require(body_.left() >= (dense_ ? uint64_t{parameters_.cells()} : 2 * nonzero), "length of the cells");
}

template <class Visit>
void StoredCms::visit_cells(Visit visit) const {
    Reader reader = body_;
    const uint32_t cells = parameters_.cells();
    const auto checked = [this](uint64_t count) {
        if (count > total_)
            throw Error(Errc::malformed, "cell above the total weight");
        return count;
    };
    if (dense_) {
        for (uint32_t cell = 0; cell < cells;) {
            if (cells - cell >= 8 && reader.left() >= 8 && (load_u64(reader.at()) & 0x8080808080808080) == 0) {
                const uint8_t *const bytes = reader.bytes(8); // eight counts of one byte each
                for (uint32_t i = 0; i < 8; ++i)
                    if (bytes[i] != 0)
                        visit(cell + i, checked(bytes[i]));
                cell += 8;
                continue;
            }
            if (const uint64_t count = checked(reader.varint()))
                visit(cell, count);
            ++cell;
        }
    } else {
        uint32_t next = 0;
        for (uint32_t i = 0; i < nonzero_; ++i) {
            const uint64_t gap = reader.varint();
            if (gap >= cells - next)
                throw Error(Errc::malformed, "invalid cell");
            const uint32_t cell = next + static_cast<uint32_t>(gap);
            const uint64_t count = checked(reader.varint());
            if (count == 0)
                throw Error(Errc::malformed, "invalid count");
            visit(cell, count);
            next = cell + 1;
        }
    }
    if (reader.left() != 0)
        throw Error(Errc::malformed, "unexpected data after the end");
}

void StoredCms::add_dense(uint64_t *cells) const {
    Reader reader = body_;
    const uint32_t n = parameters_.cells();
    const auto checked = [this](uint64_t count) {
        if (count > total_)
            throw Error(Errc::malformed, "cell above the total weight");
        return count;
    };
    for (uint32_t cell = 0; cell < n;) {
        if (n - cell >= 8 && reader.left() >= 8 && (load_u64(reader.at()) & 0x8080808080808080) == 0 && total_ >= 0x7f) {
            const uint8_t *const bytes = reader.bytes(8);
            for (uint32_t i = 0; i < 8; ++i)
                cells[cell + i] += bytes[i];
            cell += 8;
            continue;
        }
        cells[cell++] += checked(reader.varint());
    }
    if (reader.left() != 0)
        throw Error(Errc::malformed, "unexpected data after the end");
}

Frequency StoredCms::frequency(const CmsItem &item) const {
    constexpr uint32_t items = CmsNoise::probes + 1; // the item is the last one
    struct Wanted {
        uint32_t cell;
        uint32_t item;
    } wanted[items * CmsParameters::max_depth];
    uint64_t least[items];
    uint32_t found[items] = {};
    uint32_t n = 0;
    for (uint32_t i = 0; i < items; ++i) {
        const CmsItem one = i == CmsNoise::probes ? item : CmsNoise::probe(i, seed());
        for (uint32_t row = 0; row < depth(); ++row)
            wanted[n++] = {one.cell(row, width()), i};
        least[i] = total_;
    }
    std::sort(wanted, wanted + n, [](const Wanted &a, const Wanted &b) { return a.cell < b.cell; });
    const Wanted *next = wanted, *const end = wanted + n;
    visit_cells([&](uint32_t cell, uint64_t count) {
        while (next != end && next->cell < cell)
            ++next;
        for (; next != end && next->cell == cell; ++next) {
            least[next->item] = std::min(least[next->item], count);
            ++found[next->item];
        }
    });
    for (uint32_t i = 0; i < items; ++i) // a cell that was not visited is 0
        if (found[i] < depth())
            least[i] = 0;
    const uint64_t upper = least[CmsNoise::probes], error = error_bound();
    const uint64_t estimate = CmsNoise(least).without(upper);
    return {upper, upper > error ? upper - error : 0, upper, estimate};
}

void CountMin::merge(const StoredCms &source) {
    check_mergeable(source.shape(), source.total(), source.kind());
    if (slots_ == 0 && source.dense_) {
        source.add_dense(counts());
    } else if (slots_ == 0) {
        uint64_t *cells = counts();
        source.visit_cells([cells](uint32_t cell, uint64_t count) { cells[cell] += count; });
    } else {
        source.visit_cells([this](uint32_t cell, uint64_t count) { add(cell, count); });
    }
    total_ += source.total();
}

void StoredCms::validate(const uint8_t *bytes, size_t size) {
    const StoredCms stored(bytes, size);
    FormSizes sizes(stored.parameters_.cells());
    CmsInvariants invariants(stored.parameters_, stored.total_);
    stored.visit_cells([&](uint32_t cell, uint64_t count) {
        sizes.add(cell, count);
        invariants.add(cell, count);
    });
    if (const char *violated = invariants.violated())
        throw Error(Errc::malformed, "%s", violated);
    if (sizes.is_dense() != stored.dense_)
        throw Error(Errc::malformed, "not the shorter form of the cells");
}

} // namespace topk
