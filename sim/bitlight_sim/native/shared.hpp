// What both simulators share with the process that starts them: arguments, files, counters.

#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

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

}  // namespace
