// The Verilog under Verilator, an image after another, with Verilator's own SAIF of its nets.

#include <verilated.h>
#include <verilated_saif_c.h>

#include <memory>

#include "Vaccelerator.h"
#include "drive.hpp"

namespace {

template <typename Port>
void write(Port& port, const uint32_t* words, uint64_t) {
    if constexpr (sizeof port == 8)
        port = words[0] | uint64_t(words[1]) << 32;
    else
        port = words[0];
}
template <std::size_t N>
void write(VlWide<N>& port, const uint32_t* words, uint64_t count) {
    for (uint64_t n = 0; n < count; ++n) port[n] = words[n];
}

struct Model : Unwatched {
    static constexpr uint64_t LANES = 1;
    static constexpr bool RUNS = true;

    Model() : top(std::make_unique<Vaccelerator>(&context)) {
        context.traceEverOn(true);
        top->trace(&saif, 99);
        saif.open("reference.saif");
    }

    void inputs(bool reset, bool valid, bool ready) {
        top->rst = reset;
        top->i___05Fvalid = valid;
        top->o___05Fready = ready;
    }
    void settle() {
        top->clk = 0;
        top->eval();
    }
    bool ready() const { return top->i___05Fready; }
    bool valid() const { return top->o___05Fvalid; }
    bool advance() {
        if (counting) {
            saif.dump(cycle++);
            if (last || getenv("FIRST")) {
                saif.dump(cycle);  // the last value lasts as long as every other
                saif.close();
                counting = false;
                if (getenv("FIRST")) exit(0);
            }
        }
        top->clk = 1;
        top->eval();
        return true;
    }
    void begin(const Images&) { counting = true; }
    void close() { last = true; }

    void put(const Images& images, uint64_t round, const Beat<const uint32_t>& beat) {
        write(top->i___05Fpayload, beat.of(images.at(round, 0)), beat.words);
    }
    void get(const Images&, uint64_t, const Beat<uint32_t>&) {}

    VerilatedContext context;
    VerilatedSaifC saif;
    std::unique_ptr<Vaccelerator> top;
    bool counting = false, last = false;
    uint64_t cycle = 0;
};

}  // namespace

int main(int argc, char** argv) {
    Model model;
    return drive(model, argc, argv);
}
