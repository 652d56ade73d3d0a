// Drives one accelerator: beats of images in, beats of features out, all from and to shared files.
//
//   simulator BEATS RESULTS STATUS FIRST COUNT BEATS_IN WORDS_IN BEATS_OUT WORDS_OUT PATIENCE LINK…
//
// BEATS holds, for each image, BEATS_IN beats of WORDS_IN 32-bit words; RESULTS likewise. STATUS is
// an array of 64-bit counters as `Status` below. Images FIRST … FIRST + COUNT − 1 are simulated; a
// single image is sent twice, so that there is an interval to measure. LINK… are the beats per image
// of each link: in the end, as many must have passed.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "Vaccelerator.h"
#include "Vaccelerator___024root.h"
#include "shared.hpp"
#include "verilated.h"

namespace {

constexpr uint64_t QUIET = 64;  // cycles behind the last beat in which one too many would come

// A port of up to 32 bits, of up to 64 bits, and a wider one.
template <typename Port>
void put(Port& port, const uint32_t* words, uint64_t count) {
    if constexpr (std::is_integral_v<Port>) {
        uint64_t value = words[0];
        if (count > 1) value |= static_cast<uint64_t>(words[1]) << 32;
        port = static_cast<Port>(value);
    } else {
        for (uint64_t n = 0; n < count; ++n) port[n] = words[n];
    }
}

template <typename Port>
void get(const Port& port, uint32_t* words, uint64_t count) {
    if constexpr (std::is_integral_v<Port>) {
        words[0] = static_cast<uint32_t>(port);
        if (count > 1) words[1] = static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32);
    } else {
        for (uint64_t n = 0; n < count; ++n) words[n] = port[n];
    }
}

// How many beats passed on each link.
struct Links {
    std::vector<uint64_t> per_image, counts;

    // The beats that passed in a cycle, a bit for each link.
    template <typename Port>
    void count(const Port& port) {
        constexpr size_t words = (sizeof port + 3) / 4;
        uint32_t moved[words];
        get(port, moved, words);
        for (size_t word = 0; word < words; ++word)
            for (uint32_t left = moved[word]; left; left &= left - 1)
                ++counts[32 * word + __builtin_ctz(left)];
    }

    // The first link that did not carry so many images, or their number.
    size_t miscounted(uint64_t images) const {
        size_t link = 0;
        while (link < counts.size() && counts[link] == images * per_image[link]) ++link;
        return link;
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 13) {
        fprintf(stderr, "%s: twelve arguments are wanted, or more\n", argv[0]);
        return 2;
    }
    const auto number = [&](int n) { return strtoull(argv[n], nullptr, 10); };
    const uint64_t first = number(4), count = number(5), beats_in = number(6), words_in = number(7);
    const uint64_t beats_out = number(8), words_out = number(9), patience = number(10);
    const auto* beats = map<const uint32_t>(argv[1], false) + first * beats_in * words_in;
    auto* results = map<uint32_t>(argv[2], true) + first * beats_out * words_out;
    auto* status = map<Status>(argv[3], true);

    Links links;
    for (int n = 11; n < argc; ++n) links.per_image.push_back(number(n));
    links.counts.resize(links.per_image.size());

    VerilatedContext context;
    context.fatalOnError(false);  // a failed assertion is ours to report
    const auto top = std::make_unique<Vaccelerator>(&context);
    const uint64_t images = count > 1 ? count : 2;

    const auto tick = [&] {
        top->clk = 1;
        top->eval();
        top->clk = 0;
    };
    top->i___05Fvalid = 0;
    top->o___05Fready = 0;
    top->rst = 1;
    for (int n = 0; n < 2; ++n) {
        top->clk = 0;
        top->eval();
        tick();
    }
    top->rst = 0;
    top->o___05Fready = 1;

    const uint64_t started = nanoseconds();
    uint64_t sent = 0, beat_in = 0, done = 0, beat_out = 0, moved = 0;
    uint64_t begun = 0, completed = 0;  // of the first image
    uint64_t quiet = 0;                 // cycles since every link had carried all its beats
    const uint64_t reference = (images - 1) / 2;
    put(top->i___05Fpayload, beats, words_in);
    top->i___05Fvalid = 1;
    for (uint64_t cycle = 0; quiet < QUIET; ++cycle) {
        top->clk = 0;
        top->eval();
        const bool taken = top->i___05Fvalid && top->i___05Fready;
        const bool given = top->o___05Fvalid;
        if (given && done < images) {
            moved = cycle;
            const uint64_t image = done < count ? done : count - 1;
            get(top->o___05Fpayload, results + (image * beats_out + beat_out) * words_out, words_out);
            if (++beat_out == beats_out) {
                beat_out = 0;
                if (done == 0) completed = cycle;
                if (done == reference) status->interval_from = cycle;
                status->interval_to = cycle;
                ++done;
                __atomic_store_n(&status->images_done, done < count ? done : count, __ATOMIC_RELEASE);
                __atomic_store_n(&status->cycle, cycle, __ATOMIC_RELAXED);
            }
        }
        if (taken && sent == 0 && beat_in == 0) begun = cycle;
        tick();
        links.count(top->rootp->accelerator__DOT__moved);
        if (context.gotError()) {
            status->cycle = cycle - 1;  // an assertion tells of the cycle before
            status->broken = 1;
            return 5;
        }
        if (taken) {
            moved = cycle;
            if (++beat_in == beats_in) {
                beat_in = 0;
                ++sent;
            }
            top->i___05Fvalid = sent < images;
            if (sent < images) {
                const uint64_t image = sent < count ? sent : count - 1;
                put(top->i___05Fpayload, beats + (image * beats_in + beat_in) * words_in, words_in);
            }
        }
        const bool still = cycle - moved > patience;
        if (done == images) {
            const size_t link = links.miscounted(images);
            quiet = link == links.counts.size() ? quiet + 1 : 0;
            if (quiet == 0 && still) {
                status->miscounted = link + 1;
                status->counted = links.counts[link];
                status->expected = images * links.per_image[link];
                return 6;
            }
        } else if (still) {
            status->cycle = cycle;
            status->stalled = 1;
            const auto& waiting = top->rootp->accelerator__DOT__waiting;
            get(waiting, status->waiting, (sizeof waiting + 3) / 4);
            return 4;
        }
    }
    status->latency = static_cast<int64_t>(completed - begun);
    status->intervals = images - 1 - reference;
    status->nanoseconds = nanoseconds() - started;
    return 0;
}
