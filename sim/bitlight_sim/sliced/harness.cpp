// The model of single gates: every lane has an image of its own.

#include "drive.hpp"
#include "model.hpp"
#ifdef COUNTED
#include "counters.hpp"
#endif

namespace {

#ifndef COUNTED
struct Counters {
    void begin(uint64_t, uint64_t) {}
    void look() {}
    void look_between() {}
    void close() {}
    void keep(unsigned) {}
    void tally(unsigned) {}
    bool write(const char*) { return true; }
};
#endif

// Turns 32 words of 32 bits over: bit i of word j becomes bit j of word i.
void transpose(uint32_t (&block)[32]) {
    uint32_t mask = 0x0000ffff;
    for (unsigned step = 16; step; step /= 2, mask ^= mask << step)
        for (unsigned n = 0; n < 32; n = (n + step + 1) & ~step) {
            const uint32_t swapped = (block[n] >> step ^ block[n + step]) & mask;
            block[n] ^= swapped << step;
            block[n + step] ^= swapped;
        }
}

Word& part(Vector& vector, unsigned group) { return reinterpret_cast<Word*>(&vector)[group]; }

Word spread(bool bit) { return bit ? ~Word(0) : Word(0); }

Counters counters;

struct Model : Unwatched {
    static constexpr uint64_t LANES = ::LANES;
#ifdef COUNTED
    static constexpr bool RUNS = true;
#endif

    Model() { start(); }

    void inputs(bool reset, bool valid, bool ready) {
        W[ports.rst] = spread(reset);
        W[ports.i__valid] = spread(valid);
        W[ports.o__ready] = spread(ready);
    }
    void settle() { ::settle(); }
    bool ready() const { return W[ports.i__ready]; }
    bool valid() const { return W[ports.o__valid]; }
    bool advance() {
        if (counting_) counters.look();
        ::advance();
        if (counting_) counters.look_between();
        return true;
    }

    void begin(const Images& images) {
        counting_ = true;
        counters.begin(images.lanes, images.rounds);
    }
    void close() { counters.close(); }
    bool end(const char* path) { return counters.write(path); }

    void put(const Images& images, uint64_t round, const Beat<const uint32_t>& beat) {
        for (unsigned group = 0; group < LANES / 32; ++group)
            for (uint64_t word = 0; word < beat.words; ++word) {
                uint32_t block[32];
                for (unsigned lane = 0; lane < 32; ++lane) {
                    const uint64_t image = images.at(round, 32 * group + lane);
                    block[lane] = image < images.count ? beat.of(image)[word] : 0;
                }
                transpose(block);
                for (unsigned bit = 0; bit < 32 && 32 * word + bit < ports.taken; ++bit)
                    part(V[ports.payload[32 * word + bit]], group) = block[bit];
            }
    }

    void get(const Images& images, uint64_t round, const Beat<uint32_t>& beat) {
        output();
        for (unsigned group = 0; group < LANES / 32; ++group)
            for (uint64_t word = 0; word < beat.words; ++word) {
                uint32_t block[32] = {};
                for (unsigned bit = 0; bit < 32 && 32 * word + bit < ports.given; ++bit)
                    block[bit] = part(O[32 * word + bit], group);
                transpose(block);
                for (unsigned lane = 0; lane < 32; ++lane) {
                    const uint64_t image = images.at(round, 32 * group + lane);
                    if (image < images.count) beat.of(image)[word] = block[lane];
                }
            }
    }

  private:
    bool counting_ = false;
};

}  // namespace

void keep(unsigned group) { counters.keep(group); }
void tally(unsigned group) { counters.tally(group); }

int main(int argc, char** argv) {
    Model model;
    return drive(model, argc, argv);
}
