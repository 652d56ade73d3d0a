// Verilator's model of a board, clock and pins, whose serial line is a pseudo-terminal.
//
//   board TERMINAL DIVISOR QUIET RESET
//
// TERMINAL is a descriptor of the terminal's other side; a bit of the line lasts DIVISOR cycles.
// After QUIET cycles in which neither line moved, time stands still until a byte comes. The first
// byte comes no earlier than RESET cycles after the start: a board in reset hears nothing, and a
// host that finds its port cannot know that it is.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "Vbitlight_board.h"
#include "verilated.h"

namespace {

constexpr int BITS = 10;  // of a byte on the line: start, eight, stop

// Bytes that came from the host, a bit each DIVISOR cycles.
class Line {
  public:
    Line(int terminal, uint64_t divisor) : terminal_(terminal), divisor_(divisor) {}

    // The level in this cycle.
    bool step() {
        if (wait_) {
            --wait_;
            return level_;
        }
        if (left_ == 0) {
            if (at_ == there_ && !fetch()) return true;
            bits_ = static_cast<uint64_t>(buffer_[at_++]) << 1 | 1u << (BITS - 1);
            left_ = BITS;
        }
        level_ = bits_ & 1;
        bits_ >>= 1;
        --left_;
        wait_ = divisor_ - 1;
        return level_;
    }
    bool idle() const { return wait_ == 0 && left_ == 0 && at_ == there_; }

  private:
    bool fetch() {
        // A look at the terminal costs more than a cycle: one in each time of a bit will do.
        if (pause_) {
            --pause_;
            return false;
        }
        pause_ = divisor_;
        const ssize_t count = read(terminal_, buffer_, sizeof buffer_);
        if (count <= 0) return false;
        at_ = 0;
        there_ = static_cast<size_t>(count);
        pause_ = 0;
        return true;
    }

    int terminal_;
    uint64_t divisor_, wait_ = 0, pause_ = 0, bits_ = 0;
    int left_ = 0;
    bool level_ = true;
    uint8_t buffer_[512];
    size_t at_ = 0, there_ = 0;
};

// What the board sends, sampled in the middle of each bit.
class Listener {
  public:
    explicit Listener(uint64_t divisor) : divisor_(divisor) {}

    // Whether a byte is complete, which is then in `byte`.
    bool step(bool level) {
        if (left_ == 0) {
            if (level) return false;
            left_ = BITS;
            wait_ = divisor_ / 2;
            return false;
        }
        if (--wait_) return false;
        wait_ = divisor_;
        --left_;
        if (left_ == 0) return level;  // a stop bit
        if (left_ < BITS - 1) byte = static_cast<uint8_t>(byte >> 1 | (level ? 0x80 : 0));
        return false;
    }
    bool idle() const { return left_ == 0; }

    uint8_t byte = 0;

  private:
    uint64_t divisor_, wait_ = 0;
    int left_ = 0;
};

// The host takes it, or is gone: a terminal that nobody reads loses bytes as a real adapter does.
void give(int terminal, uint8_t byte) {
    for (int tries = 0; write(terminal, &byte, 1) != 1 && errno == EAGAIN && tries < 100; ++tries) {
        pollfd waits = {terminal, POLLOUT, 0};
        poll(&waits, 1, 10);
    }
}

}  // namespace

int main(int argc, char** argv) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (argc != 5) {
        fprintf(stderr, "%s: four arguments are wanted\n", argv[0]);
        return 2;
    }
    const int terminal = atoi(argv[1]);
    const uint64_t divisor = strtoull(argv[2], nullptr, 10);
    const uint64_t quiet = strtoull(argv[3], nullptr, 10);
    uint64_t reset = strtoull(argv[4], nullptr, 10);
    fcntl(terminal, F_SETFL, fcntl(terminal, F_GETFL) | O_NONBLOCK);
    VerilatedContext context;
    context.fatalOnError(false);
    const auto board = std::make_unique<Vbitlight_board>(&context);
    Line line(terminal, divisor);
    Listener listener(divisor);
    uint64_t still = 0;
    for (;;) {
        if (reset) {
            --reset;
            board->rx = 1;
        } else {
            board->rx = line.step();
        }
        board->clk = 0;
        board->eval();
        board->clk = 1;
        board->eval();
        if (context.gotError()) return 5;
        if (listener.step(board->tx)) give(terminal, listener.byte);
        still = line.idle() && listener.idle() ? still + 1 : 0;
        if (still > quiet) {
            pollfd waits = {terminal, POLLIN, 0};
            poll(&waits, 1, 100);
            if (waits.revents & POLLIN) still = 0;
            else if (waits.revents & POLLHUP) poll(nullptr, 0, 50);  // no host has it open
        }
    }
}
