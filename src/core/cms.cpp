#include "cms.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <numbers>

namespace topk {

void CmsParameters::check() const {
    if (width < 1 || width > max_width)
        throw Error(Errc::invalid_parameter, "width must be between 1 and %u", max_width);
    if (depth < 1 || depth > max_depth)
        throw Error(Errc::invalid_parameter, "depth must be between 1 and %u", max_depth);
    if (uint64_t{width} * depth > max_cells)
        throw Error(Errc::invalid_parameter, "width times depth must not exceed %u", max_cells);
}

CmsParameters CmsParameters::for_error(double error, double confidence) {
    if (!(error > 0 && error < 1))
        throw Error(Errc::invalid_parameter, "error must be greater than 0 and less than 1");
    if (!(confidence > 0 && confidence < 1))
        throw Error(Errc::invalid_parameter, "confidence must be greater than 0 and less than 1");
    const double width = std::ceil(std::numbers::e / error);
    const double depth = std::ceil(-std::log1p(-confidence));
    if (width > max_width)
        throw Error(Errc::invalid_parameter, "error of %g would need a width above %u", error, max_width);
    if (depth > max_depth)
        throw Error(Errc::invalid_parameter, "confidence of %.17g would need a depth above %u", confidence, max_depth);
    const CmsParameters p{static_cast<uint32_t>(width), std::max(static_cast<uint32_t>(depth), 1u), 0};
    p.check();
    return p;
}

uint64_t cms_error_bound(uint32_t width, uint64_t total) {
    const double bound = std::ceil(std::numbers::e / width * static_cast<double>(total));
    // With one or two columns, e / width is above 1, but no estimate exceeds the total.
    return bound < static_cast<double>(total) ? static_cast<uint64_t>(bound) : total;
}

uint64_t CountMin::size_of(const Layout &l) {
    const uint64_t cells = l.parameters.cells();
    return sizeof(CountMin) + (l.slots == 0 ? cells * sizeof(uint64_t) : l.slots * (sizeof(uint64_t) + sizeof(uint32_t)));
}

CountMin::Layout CountMin::dense_layout(const CmsParameters &parameters) {
    parameters.check();
    Layout l{parameters, 0, 0};
    l.size = size_of(l);
    return l;
}

CountMin::Layout CountMin::layout_for(const CmsParameters &parameters, uint64_t nonzero) {
    const Layout dense = dense_layout(parameters);
    if (nonzero > parameters.cells())
        return dense;
    Layout l{parameters, std::max(std::bit_ceil(static_cast<uint32_t>(nonzero)), min_slots), 0};
    if (nonzero > usable(l.slots))
        l.slots *= 2;
    l.size = size_of(l);
    // A larger table would save too little memory to justify that it is slower.
    return l.slots == min_slots ? (l.size < dense.size ? l : dense) : (l.size <= dense.size / 4 ? l : dense);
}

CountMin::Layout CountMin::initial_layout(const CmsParameters &parameters) {
    return layout_for(parameters, parameters.depth);
}

CountMin::Layout CountMin::load_layout(const Shape &stored) {
    return stored.dense ? dense_layout(stored.parameters) : layout_for(stored.parameters, stored.nonzero);
}

CountMin *CountMin::create(void *block, const Layout &layout) {
    auto *s = static_cast<CountMin *>(block);
    memset(block, 0, sizeof(CountMin));
    s->magic_ = live_magic;
    s->width_ = layout.parameters.width;
    s->depth_ = layout.parameters.depth;
    s->seed_ = layout.parameters.seed;
    s->slots_ = layout.slots;
    if (layout.slots == 0)
        memset(s->counts(), 0, s->parameters().cells() * sizeof(uint64_t));
    else
        memset(s->tags(), 0, layout.slots * sizeof(uint32_t));
    return s;
}

CountMin::Layout CountMin::grown_layout(const CmsItem &) const { return layout_for(parameters(), uint64_t{used_} + depth_); }

bool CountMin::fits(const Shape &source) const {
    const CmsParameters &p = source.parameters;
    if (p.width != width_ || p.depth != depth_)
        throw Error(Errc::mismatch, "cannot merge cms states of %u x %u and %u x %u cells", width_, depth_, p.width,
                    p.depth);
    if (p.seed != seed_)
        throw Error(Errc::mismatch, "cannot merge cms states with seed %llu and seed %llu",
                    static_cast<unsigned long long>(seed_), static_cast<unsigned long long>(p.seed));
    return slots_ == 0 || (!source.dense && source.nonzero <= usable(slots_) - used_);
}

CountMin::Layout CountMin::merge_layout(const Shape &source) const {
    if (slots_ == 0 || source.dense)
        return dense_layout(parameters());
    return layout_for(parameters(), uint64_t{used_} + source.nonzero);
}

CountMin *CountMin::relocate(const CountMin &from, void *block, const Layout &layout) {
    CountMin *to = create(block, layout);
    assert(to->slots_ == 0 || (from.slots_ != 0 && from.used_ <= usable(to->slots_)));
    if (from.slots_ == 0)
        memcpy(to->counts(), from.counts(), from.parameters().cells() * sizeof(uint64_t));
    else
        from.for_each_slot([to](uint32_t cell, uint64_t count) { to->add(cell, count); });
    to->kind_ = from.kind_;
    to->total_ = from.total_;
    assert(to->violated_invariant() == nullptr || from.violated_invariant() != nullptr);
    return to;
}

void CountMin::require_kind(Kind kind) {
    if (kind_ == kind || kind == Kind::none)
        return;
    if (kind_ != Kind::none)
        throw Error(Errc::mismatch, "cms state counts items of type %s, not %s", kind_name(kind_), kind_name(kind));
    kind_ = kind;
}

// Returns the slot of a cell, or the free slot where it belongs, or slots_ if there is neither. The steps grow, so that no
// choice of cells makes long runs of occupied slots.
uint32_t CountMin::slot_of(uint32_t cell) const noexcept {
    const uint32_t mask = slots_ - 1;
    const uint32_t *tag = tags();
    uint32_t at = cell & mask;
    for (uint32_t step = 1; step <= slots_; ++step) {
        if (tag[at] == cell + 1 || tag[at] == 0)
            return at;
        at = (at + step) & mask;
    }
    return slots_;
}

void CountMin::add(uint32_t cell, uint64_t count) {
    if (slots_ == 0) {
        counts()[cell] += count;
        return;
    }
    const uint32_t at = slot_of(cell);
    assert(at < slots_);
    if (tags()[at] != 0) {
        counts()[at] += count;
        return;
    }
    tags()[at] = cell + 1;
    counts()[at] = count;
    ++used_;
}

uint64_t CountMin::raise_dense(const CmsItem &item, uint64_t weight) noexcept {
    uint64_t *cells[CmsParameters::max_depth];
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < depth_; ++i) {
        cells[i] = counts() + item.cell(i, width_);
        least = std::min(least, *cells[i]);
    }
    for (uint32_t i = 0; i < depth_; ++i)
        *cells[i] = std::max(*cells[i], least + weight);
    return least + weight;
}

uint64_t CountMin::raise_sparse(const CmsItem &item, uint64_t weight) noexcept {
    uint32_t slot[CmsParameters::max_depth];
    uint64_t least = UINT64_MAX;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < depth_; ++i) {
        slot[i] = slot_of(item.cell(i, width_));
        if (slot[i] != slots_ && tags()[slot[i]] != 0) {
            least = std::min(least, counts()[slot[i]]);
        } else {
            ++missing;
            least = 0;
        }
    }
    if (missing > usable(slots_) - used_)
        return 0;
    for (uint32_t i = 0; i < depth_; ++i) {
        uint32_t at = slot[i];
        const uint32_t tag = item.cell(i, width_) + 1;
        if (tags()[at] != tag) { // missing; another cell may have taken its free slot
            at = slot_of(tag - 1);
            tags()[at] = tag;
            counts()[at] = 0;
            ++used_;
        }
        counts()[at] = std::max(counts()[at], least + weight);
    }
    return least + weight;
}

void CountMin::check_mergeable(const Shape &source, uint64_t total, Kind kind) {
    if (!fits(source)) // throws mismatch; the caller has moved the sketch if it did not fit
        throw Error(Errc::malformed, "invalid number of nonzero cells");
    if (total > max_total - total_)
        throw Error(Errc::out_of_range, "total weight of cms state would exceed %llu",
                    static_cast<unsigned long long>(max_total));
    require_kind(kind);
}

// The cells of each side are bounds for its items, so the sums are bounds for all items.
void CountMin::merge(const CountMin &source) {
    check_mergeable(source.shape(), source.total(), source.kind());
    if (source.slots_ != 0) {
        source.for_each_slot([this](uint32_t cell, uint64_t count) { add(cell, count); });
    } else {
        uint64_t *const cells = counts();
        const uint64_t *const from = source.counts();
        for (uint32_t i = 0, n = parameters().cells(); i < n; ++i)
            cells[i] += from[i];
    }
    total_ += source.total_;
}

bool CountMin::insert(const CmsItem &item, uint64_t weight) {
    assert(weight > 0);
    if (item.length > max_item_length)
        throw Error(Errc::too_large, "item of %zu bytes exceeds the maximum of %u bytes", item.length, max_item_length);
    if (weight > max_total - total_)
        throw Error(Errc::out_of_range, "total weight of cms state would exceed %llu",
                    static_cast<unsigned long long>(max_total));
    return count(item, weight);
}

CmsNoise::CmsNoise(uint64_t *estimates) {
    std::nth_element(estimates, estimates + probes / 2, estimates + probes);
    median_ = estimates[probes / 2];
    largest_ = *std::max_element(estimates + probes / 2, estimates + probes);
}

uint64_t CountMin::estimate(const CmsItem &item) const {
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < depth_; ++i) {
        uint32_t at = item.cell(i, width_);
        if (slots_ != 0) {
            at = slot_of(at);
            if (at == slots_ || tags()[at] == 0)
                return 0;
        }
        least = std::min(least, counts()[at]);
    }
    return least;
}

const char *CountMin::violated_invariant() const {
    CmsInvariants invariants(parameters(), total_);
    if (slots_ == 0) {
        for (uint32_t i = 0; i < parameters().cells(); ++i)
            if (counts()[i] != 0)
                invariants.add(i, counts()[i]);
        return invariants.violated();
    }
    uint32_t used = 0;
    bool zero = false;
    for_each_slot([&](uint32_t cell, uint64_t count) {
        ++used;
        zero = zero || count == 0 || cell >= parameters().cells();
        if (!zero)
            invariants.add(cell, count);
    });
    if (zero)
        return "slot without a counted cell";
    if (used != used_ || used > usable(slots_))
        return "wrong number of slots in use";
    return invariants.violated();
}

const char *CmsInvariants::violated() const {
    if (exceeded_)
        return "weight of a row above the total weight";
    uint64_t all = 0; // limited to the total, as the sum may overflow
    uint64_t smallest = UINT64_MAX;
    for (uint32_t i = 0; i < parameters_.depth; ++i) {
        all = std::min(total_, all + sums_[i]);
        smallest = std::min(smallest, sums_[i]);
    }
    if (all != total_)
        return "weight of all rows below the total weight";
    if (largest_ > smallest)
        return "cell above the weight of another row";
    return nullptr;
}

} // namespace topk
