// Counts, of each net and over all lanes, the cycles in which it is 1 and those in which it differs
// from the cycle before.
//
// V begins with the registers, in groups that change together, and with the nets between them that
// are counted; W likewise. In cycle n a register is what it is before the clock edge, and a net is
// what it was computed to be. The model calls keep() and tally() around each change of a group, so
// that what is counted is at hand, and what stands still costs nothing.

#pragma once

#include <cstdint>
#include <cstdio>
#include <iterator>
#include <vector>

#ifdef __AVX512VPOPCNTDQ__
#include <immintrin.h>
#endif

#include "drive.hpp"
#include "groups.inc"
#include "model.hpp"

#ifndef DRAIN
#define DRAIN (1u << 22)  // cycles after which 32 bits may be full
#endif

#define DRAIN_WORDS (DRAIN < 65535u ? DRAIN : 65535u)  // or 16 bits

namespace {

constexpr unsigned PARTS = LANES / 64;  // numbers of 64 bits in a vector
using Count = uint64_t __attribute__((vector_size(LANES / 8)));

inline Count ones_of(Vector vector) {
#ifdef __AVX512VPOPCNTDQ__
    return (Count)_mm512_popcnt_epi64((__m512i)vector);
#else
    Count found = (Count)vector;
    for (unsigned n = 0; n < PARTS; ++n) found[n] = __builtin_popcountll(found[n]);
    return found;
#endif
}

// The sum of each of as many vectors as one has parts.
inline Count sums_of(const Count (&given)[PARTS]) {
#ifdef __AVX512VPOPCNTDQ__
    __m512i pairs[4], fours[2];
    for (unsigned n = 0; n < 4; ++n) {
        const auto a = (__m512i)given[2 * n], b = (__m512i)given[2 * n + 1];
        pairs[n] = _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }
    const auto halves = [](__m512i a, __m512i b) {
        return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
    };
    for (unsigned n = 0; n < 2; ++n) fours[n] = halves(pairs[2 * n], pairs[2 * n + 1]);
    return (Count)halves(fours[0], fours[1]);
#else
    Count found = {};
    for (unsigned n = 0; n < PARTS; ++n)
        for (unsigned part = 0; part < PARTS; ++part) found[n] += given[n][part];
    return found;
#endif
}

// All ones, and zeros from there on where not all parts are wanted.
constexpr struct Edge {
    uint64_t all[2 * PARTS]{};

    constexpr Edge() {
        for (unsigned n = 0; n < PARTS; ++n) all[n] = ~uint64_t(0);
    }
} EDGE;

class Counters {
  public:
    // The next cycle is the first, and so many lanes count, each with so many images.
    void begin(uint64_t lanes, uint64_t rounds) {
        lanes_ = lanes;
        rounds_ = rounds;
        for (uint64_t lane = 0; lane < lanes; ++lane)
            reinterpret_cast<Word*>(&mask_)[lane / 32] |= Word(1) << lane % 32;
        for (unsigned n = 0; n < word_registers; ++n) word_before_[n] = W[n];
        counting_ = true;
    }

    // Once a cycle's words are settled.
    void look() { words(0, word_registers); }

    // Before the last of all clock edges, which leads out of what is counted.
    void close() {
        ++cycle_;
        stay();
        --cycle_;
        counting_ = false;
    }

    // Once a cycle's vectors are computed.
    void look_between() {
        if (cycle_ == 0) {
            for (unsigned n = registers; n < vectors; ++n) before_[n - registers] = V[n];
            for (unsigned n = word_registers; n < all_words; ++n) word_before_[n] = W[n];
        }
        words(word_registers, all_words);
        for (unsigned n = registers; n < vectors; n += PARTS) {
            const unsigned some = n + PARTS < vectors ? PARTS : vectors - n;
            add(&V[n], &before_[n - registers], some, slots + n - registers, 1);
            for (unsigned k = 0; k < some; ++k) before_[n - registers + k] = V[n + k];
        }
        if (++cycle_ % DRAIN == 0) drain();
        if (cycle_ % DRAIN_WORDS == 0) drain_words();
    }

    // Before a group changes.
    void keep(unsigned index) {
        const auto& group = groups[index];
        for (unsigned n = 0; n < group.count; ++n) kept_[n] = V[group.first + n];
    }

    // When it has.
    void tally(unsigned index) {
        if (!counting_) return;
        const auto& group = groups[index];
        const uint64_t span = cycle_ + 1 - since_[index];
        since_[index] = cycle_ + 1;
        for (unsigned n = 0; n < group.count; n += PARTS) {
            const unsigned some = n + PARTS < group.count ? PARTS : group.count - n;
            add(&kept_[n], &V[group.first + n], some, group.slot + n, span);
        }
    }

    // Cycles, lanes, images of a lane, and for each vector and each word how often it changed and
    // was 1.
    bool write(const char* path) {
        drain();
        FILE* const file = fopen(path, "wb");
        if (file == nullptr) return false;
        const uint64_t head[] = {cycle_, lanes_, rounds_};
        bool good = fwrite(head, sizeof head, 1, file) == 1;
        for (const auto& [changed, high] : totals_) {
            const uint64_t both[] = {changed, high};
            good = good && fwrite(both, sizeof both, 1, file) == 1;
        }
        return fclose(file) == 0 && good;
    }

  private:
    struct Total {
        uint64_t changed, high;
    };

    void words(unsigned from, unsigned to) {
        for (unsigned n = from; n < to; ++n) {
            word_counts_[n] += ((W[n] ^ word_before_[n]) & 1) | (W[n] & 0x10000);
            word_before_[n] = W[n];
        }
    }

    // Some vectors that stayed what they are for so many cycles, and in a cycle beside these were
    // what the others are.
    void add(const Vector* stayed, const Vector* others, unsigned some, unsigned slot,
             uint64_t span) {
        Count both[PARTS];
        for (unsigned n = 0; n < PARTS; ++n) {
            const Vector one = stayed[n], other = others[n];
            both[n] = ones_of((one ^ other) & mask_) + (ones_of(one & mask_) << 32);
        }
        Count inside;
        __builtin_memcpy(&inside, EDGE.all + PARTS - some, sizeof inside);
        const Count sums = sums_of(both) & inside;
        counts_[slot / PARTS] += (sums & 0xffffffff) + ((sums >> 32) * span << 32);
    }

    // The cycles since the last change of each group.
    void stay() {
        for (unsigned index = 0; index < std::size(groups); ++index) {
            const auto& group = groups[index];
            const uint64_t span = cycle_ - since_[index];
            since_[index] = cycle_;
            for (unsigned n = group.first; n < group.first + group.count; ++n)
                for (unsigned part = 0; part < PARTS; ++part)
                    totals_[n].high += span * ones_of(V[n] & mask_)[part];
        }
    }

    // What was counted of so many vectors, in slots of their own.
    void take(unsigned first, unsigned count, unsigned slot) {
        auto* const from = reinterpret_cast<uint64_t*>(counts_) + slot;
        for (unsigned n = 0; n < count; ++n) {
            totals_[first + n].changed += from[n] & 0xffffffff;
            totals_[first + n].high += from[n] >> 32;
            from[n] = 0;
        }
    }

    void drain() {
        if (counting_) stay();
        for (const auto& group : groups) take(group.first, group.count, group.slot);
        take(registers, vectors - registers, slots);
        drain_words();
    }

    void drain_words() {
        for (unsigned n = 0; n < all_words; ++n) {
            totals_[vectors + n].changed += lanes_ * (word_counts_[n] & 0xffff);
            totals_[vectors + n].high += lanes_ * (word_counts_[n] >> 16);
            word_counts_[n] = 0;
        }
    }

    bool counting_ = false;
    uint64_t cycle_ = 0, lanes_ = 0, rounds_ = 0;
    Vector mask_{};
    Vector before_[vectors - registers + PARTS]{}, kept_[most + PARTS]{};
    Count counts_[slots / PARTS + (vectors - registers) / PARTS + 1]{};  // 1 above, changed below
    uint64_t since_[std::size(groups)]{};
    Word word_before_[all_words + 1]{};
    uint32_t word_counts_[all_words + 1]{};
    std::vector<Total> totals_ = std::vector<Total>(vectors + all_words);
};

}  // namespace
