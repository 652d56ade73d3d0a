// The clock edge of words, by the tables of the model.

#pragma once

#include "model.hpp"

namespace {

// Registers `first`, …: `value` where `reset` is 1, otherwise `d` where `enable` is.
struct Change {
    unsigned enable, reset, first, count;
    bool resets, enabled;
};

// `width` bits of a memory of `depth` rows to `first`, …; an address is that of a row within it,
// whatever its digits are while nothing is read.
struct Read {
    unsigned enable, address, digits, depth, base, stride, first, width;
    const uint64_t* row;
};

// All that the edge depends on is taken before anything changes.
template <unsigned REGISTERS, unsigned CHANGES, unsigned DIGITS, unsigned READS>
void clock_edge(const unsigned (&d)[REGISTERS], const bool (&value)[REGISTERS],
                Change (&changes)[CHANGES], const unsigned (&address)[DIGITS],
                Read (&reads)[READS]) {
    static Word next[REGISTERS];
    for (Change& change : changes) {
        change.resets = W[change.reset];
        change.enabled = W[change.enable];
        if (!change.enabled) continue;
        for (unsigned n = change.first; n < change.first + change.count; ++n) next[n] = W[d[n]];
    }
    for (Read& read : reads) {
        read.row = nullptr;
        if (!W[read.enable]) continue;
        unsigned row = 0;
        for (unsigned n = 0; n < read.digits; ++n) row |= W[address[read.address + n]] & 1u << n;
        read.row = rows + read.base + read.stride * within(row, read.depth);
    }
    for (const Change& change : changes) {
        const unsigned end = change.first + change.count;
        if (change.resets)
            for (unsigned n = change.first; n < end; ++n) W[n] = -static_cast<Word>(value[n]);
        else if (change.enabled)
            for (unsigned n = change.first; n < end; ++n) W[n] = next[n];
    }
    for (const Read& read : reads)
        if (read.row) expand(W + read.first, read.row, read.width);
}

}  // namespace
