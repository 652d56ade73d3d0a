// Drives one accelerator for LANES images at once: arguments and files as the other harness has
// them, but for the links, which are not watched here.
//
// Lane l gets the images l, l + lanes, l + 2·lanes, …, at least two, so that there is an interval.

#include <algorithm>
#include <iterator>
#include <cstdio>

#include "model.hpp"
#include "shared.hpp"

namespace {

constexpr uint64_t QUIET = 64;  // cycles behind the last beat in which one too many would come
constexpr unsigned GROUPS = LANES / 32;

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

// The images of one process, and which lane has which.
struct Images {
    uint64_t count, rounds, lanes;

    explicit Images(uint64_t images)
        : count(images),
          rounds(std::max<uint64_t>(2, (images + LANES - 1) / LANES)),
          lanes((images + rounds - 1) / rounds) {}

    // `count` where there is none.
    uint64_t at(uint64_t round, uint64_t lane) const {
        return lane < lanes ? std::min(count, round * lanes + lane) : count;
    }
};

void put(const Images& images, uint64_t round, const uint32_t* beats, uint64_t stride, uint64_t words) {
    constexpr unsigned width = std::size(i__payload);
    for (unsigned group = 0; group < GROUPS; ++group)
        for (uint64_t word = 0; word < words; ++word) {
            uint32_t block[32];
            for (unsigned lane = 0; lane < 32; ++lane) {
                const uint64_t image = images.at(round, 32 * group + lane);
                block[lane] = image < images.count ? beats[image * stride + word] : 0;
            }
            transpose(block);
            for (unsigned bit = 0; bit < 32 && 32 * word + bit < width; ++bit)
                part(V[i__payload[32 * word + bit]], group) = block[bit];
        }
}

void get(const Images& images, uint64_t round, uint32_t* results, uint64_t stride, uint64_t words) {
    constexpr unsigned width = std::size(O);
    for (unsigned group = 0; group < GROUPS; ++group)
        for (uint64_t word = 0; word < words; ++word) {
            uint32_t block[32];
            for (unsigned bit = 0; bit < 32; ++bit)
                block[bit] = 32 * word + bit < width ? part(O[32 * word + bit], group) : 0;
            transpose(block);
            for (unsigned lane = 0; lane < 32; ++lane) {
                const uint64_t image = images.at(round, 32 * group + lane);
                if (image < images.count) results[image * stride + word] = block[lane];
            }
        }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 11) {
        fprintf(stderr, "%s: ten arguments are wanted\n", argv[0]);
        return 2;
    }
    const auto number = [&](int n) { return strtoull(argv[n], nullptr, 10); };
    const uint64_t first = number(4), beats_in = number(6), words_in = number(7);
    const uint64_t beats_out = number(8), words_out = number(9), patience = number(10);
    const Images images(number(5));
    const uint64_t stride_in = beats_in * words_in, stride_out = beats_out * words_out;
    const auto* beats = map<const uint32_t>(argv[1], false) + first * stride_in;
    auto* results = map<uint32_t>(argv[2], true) + first * stride_out;
    auto* status = map<Status>(argv[3], true);

    const auto word = [](const unsigned(&place)[1]) -> Word& { return W[place[0]]; };
    start();
    word(o__ready) = 0;
    word(i__valid) = 0;
    word(rst) = ~Word(0);
    for (int n = 0; n < 2; ++n) {
        settle();
        advance();
    }
    word(rst) = 0;
    word(o__ready) = word(i__valid) = ~Word(0);

    const uint64_t started = nanoseconds();
    uint64_t sent = 0, beat_in = 0, done = 0, beat_out = 0, moved = 0;
    uint64_t begun = 0, completed = 0;  // of the first image
    uint64_t quiet = 0;
    const uint64_t reference = (images.rounds - 1) / 2;
    put(images, 0, beats, stride_in, words_in);
    for (uint64_t cycle = 0; quiet < QUIET; ++cycle) {
        settle();
        const bool taken = word(i__valid) && word(i__ready);
        const bool given = word(o__valid);
        advance();
        if (given && done == images.rounds) {
            status->miscounted = 1;
            status->counted = images.count * beats_out + 1;
            status->expected = images.count * beats_out;
            return 6;
        }
        if (given) {
            moved = cycle;
            get(images, done, results + beat_out * words_out, stride_out, words_out);
            if (++beat_out == beats_out) {
                beat_out = 0;
                if (done == 0) completed = cycle;
                if (done == reference) status->interval_from = cycle;
                status->interval_to = cycle;
                ++done;
                const uint64_t images_done = std::min(images.count, done * images.lanes);
                __atomic_store_n(&status->images_done, images_done, __ATOMIC_RELEASE);
                __atomic_store_n(&status->cycle, cycle, __ATOMIC_RELAXED);
            }
        }
        if (taken) {
            if (sent == 0 && beat_in == 0) begun = cycle;
            moved = cycle;
            if (++beat_in == beats_in) {
                beat_in = 0;
                ++sent;
            }
            if (sent < images.rounds) {
                put(images, sent, beats + beat_in * words_in, stride_in, words_in);
            } else {
                word(i__valid) = 0;
            }
        }
        quiet += done == images.rounds;
        if (done < images.rounds && cycle - moved > patience) {
            status->cycle = cycle;
            status->stalled = 1;
            return 4;
        }
    }
    status->latency = static_cast<int64_t>(completed - begun);
    status->intervals = images.rounds - 1 - reference;
    status->nanoseconds = nanoseconds() - started;
    return 0;
}
