// Drives one accelerator: beats of images in, beats of features out, all from and to shared files.
//
//   simulator BEATS RESULTS STATUS FIRST COUNT BEATS_IN WORDS_IN BEATS_OUT WORDS_OUT PATIENCE LINK…
//
// BEATS holds, for each image, BEATS_IN beats of WORDS_IN 32-bit words; RESULTS likewise. STATUS is
// an array of 64-bit counters as `Status` below. Images FIRST … FIRST + COUNT − 1 are simulated.
// LINK… are the beats per image of each link: in the end, as many must have passed. A model that
// counts what happens in it writes that to STATUS.counts.
//
// A model has LANES, each with images of its own, and drive() calls
//
//   inputs(reset, valid, ready)   before each cycle
//   settle()                      then ready() and valid() are those of the cycle
//   put(lane 0's beat, …)         a beat for each lane, kept until it is taken
//   get(…)                        the beat that each lane gives
//   advance()                     the clock edge; false if a stream rule was broken
//   begin(images), close()        before the first of these cycles, and before the last edge
//   end(path)                     when all is done

#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr uint64_t QUIET = 64;  // cycles behind the last beat in which one too many would come

struct Status {
    uint64_t cycle;        // clock cycles since reset
    uint64_t images_done;  // results written
    uint64_t stalled;      // 1: nothing moved for PATIENCE cycles
    int64_t latency;       // of the first image, first beat in to last beat out
    uint64_t interval_from, interval_to, intervals;  // completions that span `intervals` intervals
    uint64_t nanoseconds;  // in the clock loop
    uint64_t broken;       // 1: an assertion failed, and said so
    uint64_t miscounted;   // link that carried too few beats or too many, from 1 on
    uint64_t counted, expected;
    uint32_t waiting[16];  // of a stalled chain: a bit for each link on which a beat waits
};

template <typename T>
T* map(const char* path, bool writable) {
    const int file = open(path, writable ? O_RDWR : O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0) {
        perror(path);
        exit(3);
    }
    void* memory = mmap(nullptr, info.st_size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                        MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) {
        perror(path);
        exit(3);
    }
    close(file);
    return static_cast<T*>(memory);
}

uint64_t nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000ull + now.tv_nsec;
}

// The images of one process: each lane has one in each of at least `least` rounds, so that there is
// an interval to measure. In runs, those of a lane follow each other in the data set, and after the
// last comes the first again, so that every lane has one in every round.
struct Images {
    uint64_t count, rounds, lanes;
    bool runs;

    Images(uint64_t images, uint64_t most, uint64_t least, bool runs)
        : count(images),
          rounds(std::max<uint64_t>(least, (images + most - 1) / most)),
          lanes((images + rounds - 1) / rounds),
          runs(runs) {}

    // Which one, or `count` where there is none.
    uint64_t at(uint64_t round, uint64_t lane) const {
        if (lane >= lanes) return count;
        return runs ? (lane * rounds + round) % count : std::min(count, round * lanes + lane);
    }
};

// One beat of every image, in memory.
template <typename T>
struct Beat {
    T* first;
    uint64_t stride, words;

    T* of(uint64_t image) const { return first + image * stride; }
};

template <typename Model>
int drive(Model& model, int argc, char** argv) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody wants the results of a process that was killed
#endif
    if (argc < 12) {
        fprintf(stderr, "%s: eleven arguments are wanted, or more\n", argv[0]);
        return 2;
    }
    const auto number = [&](int n) { return strtoull(argv[n], nullptr, 10); };
    const uint64_t first = number(4), beats_in = number(6), words_in = number(7);
    const uint64_t beats_out = number(8), words_out = number(9), patience = number(10);
    const uint64_t stride_in = beats_in * words_in, stride_out = beats_out * words_out;
    const Images images(number(5), Model::LANES, number(11), Model::RUNS);
    const auto* beats = map<const uint32_t>(argv[1], false) + first * stride_in;
    auto* results = map<uint32_t>(argv[2], true) + first * stride_out;
    auto* status = map<Status>(argv[3], true);
    std::vector<uint64_t> links;
    for (int n = 12; n < argc; ++n) links.push_back(number(n));
    model.watch(links);

    model.inputs(true, false, false);
    for (int n = 0; n < 2; ++n) {
        model.settle();
        model.advance();
    }
    model.begin(images);
    const uint64_t started = nanoseconds();
    uint64_t sent = 0, beat_in = 0, done = 0, beat_out = 0, moved = 0;
    uint64_t begun = 0, completed = 0;  // of the first image
    uint64_t quiet = 0;                 // cycles since every link had carried all its beats
    const uint64_t reference = (images.rounds - 1) / 2;
    const auto put = [&] {
        model.put(images, sent, Beat<const uint32_t>{beats + beat_in * words_in, stride_in, words_in});
    };
    put();
    for (uint64_t cycle = 0; quiet < QUIET; ++cycle) {
        const bool sending = sent < images.rounds;
        model.inputs(false, sending, true);
        model.settle();
        const bool taken = sending && model.ready();
        if (model.valid()) {
            moved = cycle;
            if (done == images.rounds) {
                status->miscounted = links.size();
                status->expected = images.rounds * beats_out;
                status->counted = status->expected + 1;
                return 6;
            }
            uint32_t* const to = results + beat_out * words_out;
            model.get(images, done, Beat<uint32_t>{to, stride_out, words_out});
            if (++beat_out == beats_out) {
                beat_out = 0;
                if (done == 0) completed = cycle;
                if (done == reference) status->interval_from = cycle;
                status->interval_to = cycle;
                const uint64_t images_done = std::min(images.count, ++done * images.lanes);
                __atomic_store_n(&status->images_done, images_done, __ATOMIC_RELEASE);
                __atomic_store_n(&status->cycle, cycle, __ATOMIC_RELAXED);
            }
        }
        if (done == images.rounds && quiet + 1 == QUIET) model.close();
        if (!model.advance()) {
            status->cycle = cycle - 1;  // an assertion tells of the cycle before
            status->broken = 1;
            return 5;
        }
        if (taken) {
            if (sent == 0 && beat_in == 0) begun = cycle;
            moved = cycle;
            if (++beat_in == beats_in) {
                beat_in = 0;
                ++sent;
            }
            if (sent < images.rounds) put();
        }
        const bool still = cycle - moved > patience;
        if (done == images.rounds) {
            const size_t link = model.miscounted(images.rounds);
            quiet = link == links.size() ? quiet + 1 : 0;
            if (quiet == 0 && still) {
                status->miscounted = link + 1;
                status->counted = model.counted(link);
                status->expected = images.rounds * links[link];
                return 6;
            }
        } else if (still) {
            status->cycle = cycle;
            status->stalled = 1;
            model.waiting(status->waiting);
            return 4;
        }
    }
    status->latency = static_cast<int64_t>(completed - begun);
    status->intervals = images.rounds - 1 - reference;
    status->nanoseconds = nanoseconds() - started;
    const std::string counts = std::string(argv[3]) + ".counts";
    if (!model.end(counts.c_str())) {
        perror(counts.c_str());
        return 3;
    }
    return 0;
}

// What a model has that counts nothing.
struct Uncounted {
    static constexpr bool RUNS = false;

    void begin(const Images&) {}
    void close() {}
    bool end(const char*) { return true; }
};

// What a model has that does not look at the links.
struct Unwatched : Uncounted {
    size_t links = 0;

    void watch(const std::vector<uint64_t>& all) { links = all.size(); }
    size_t miscounted(uint64_t) const { return links; }
    uint64_t counted(size_t) const { return 0; }
    void waiting(uint32_t*) const {}
};

}  // namespace
