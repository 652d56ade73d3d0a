// Words and vectors, what a model does with them, and what every model has.

#pragma once

#include <cstdint>

#if defined(__AVX512F__) && (!defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>  // takes half a second to read, in each file
#endif

namespace {

#ifdef __AVX512F__
constexpr unsigned LANES = 512;
#else
constexpr unsigned LANES = 256;
#endif

using Word = uint32_t;                                               // all ones or all zeros
using Vector = Word __attribute__((vector_size(LANES / 8)));         // a bit for each image
const Vector zeros = {}, ones = ~zeros;

inline Vector spread(Word word) { return word - zeros; }

inline Word mux(Word select, Word zero, Word one) { return (select & one) | (~select & zero); }
inline Word xor3(Word a, Word b, Word c) { return a ^ b ^ c; }
inline Word maj(Word a, Word b, Word c) { return (a & b) | (c & (a ^ b)); }

#ifdef __AVX512F__
// Any function of three bits is one instruction; its table is the function of these three.
constexpr int A = 0xf0, B = 0xcc, C = 0xaa;

template <int TABLE>
Vector ternary(Vector a, Vector b, Vector c) {
#if defined(__GNUC__) && !defined(__clang__)
    using Long = long long __attribute__((vector_size(64)));
    return (Vector)__builtin_ia32_pternlogq512_mask((Long)a, (Long)b, (Long)c, TABLE, 0xff);
#else
    return (Vector)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, TABLE);
#endif
}
inline Vector mux(Vector select, Vector zero, Vector one) {
    return ternary<(A & C) | (~A & B & 0xff)>(select, zero, one);
}
inline Vector xor3(Vector a, Vector b, Vector c) { return ternary<A ^ B ^ C>(a, b, c); }
inline Vector maj(Vector a, Vector b, Vector c) { return ternary<(A & B) | (C & (A ^ B))>(a, b, c); }
#else
inline Vector mux(Vector select, Vector zero, Vector one) {
    return (select & one) | (~select & zero);
}
inline Vector xor3(Vector a, Vector b, Vector c) { return a ^ b ^ c; }
inline Vector maj(Vector a, Vector b, Vector c) { return (a & b) | (c & (a ^ b)); }
#endif

inline unsigned within(unsigned row, unsigned depth) { return row < depth ? row : 0; }

// Bits of a row of memory, as words.
inline void expand(Word* to, const uint64_t* row, unsigned width) {
    constexpr unsigned WORDS = LANES / 32;
    Vector places = {};
    for (unsigned n = 0; n < WORDS; ++n) places[n] = Word(1) << n;
    unsigned n = 0;
    for (; n + WORDS <= width; n += WORDS) {
        const Word bits = row[n / 64] >> n % 64;
        const Vector some = (Vector)((spread(bits) & places) != zeros);
        __builtin_memcpy(to + n, &some, sizeof some);
    }
    for (; n < width; ++n) to[n] = -static_cast<Word>(row[n / 64] >> (n % 64) & 1);
}

inline void copy(Vector* to, const Vector* from, unsigned width) {
    for (unsigned n = 0; n < width; ++n) to[n] = from[n];
}

}  // namespace

extern Vector V[], M[], O[];  // M: memories of vectors; O: the output, once it is wanted
extern Word W[];
extern "C" const uint64_t rows[];  // of the read-only memories

// Where ports are, in V or W; `given` is how many vectors O has.
extern const struct Ports {
    unsigned rst, i__valid, o__ready, i__ready, o__valid;
    const unsigned* payload;
    unsigned taken, given;
} ports;

void start();    // before the first cycle
void settle();   // all words but registers
void output();   // O
void advance();  // the clock edge

// Around each change of a group of registers that are counted.
void keep(unsigned group);
void tally(unsigned group);
