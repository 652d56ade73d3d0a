// Verilator's model of an accelerator, with the stream rules and every link watched. A netlist, for
// which UNWATCHED is defined, has lost the signals for that.

#include <memory>
#include <type_traits>

#include "Vaccelerator.h"
#include "Vaccelerator___024root.h"
#include "drive.hpp"
#include "verilated.h"

namespace {

// A port of up to 32 bits, of up to 64 bits, and a wider one.
template <typename Port>
void write(Port& port, const uint32_t* words, uint64_t count) {
    if constexpr (std::is_integral_v<Port>) {
        uint64_t value = words[0];
        if (count > 1) value |= static_cast<uint64_t>(words[1]) << 32;
        port = static_cast<Port>(value);
    } else {
        for (uint64_t n = 0; n < count; ++n) port[n] = words[n];
    }
}

template <typename Port>
void read(const Port& port, uint32_t* words, uint64_t count) {
    if constexpr (std::is_integral_v<Port>) {
        words[0] = static_cast<uint32_t>(port);
        if (count > 1) words[1] = static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32);
    } else {
        for (uint64_t n = 0; n < count; ++n) words[n] = port[n];
    }
}

// The beats that passed each link.
class Watched : public Uncounted {
  public:
    void watch(const std::vector<uint64_t>& links) {
        per_image_ = links;
        counts_.resize(links.size());
    }
    // The first link that did not carry so many images, or their number.
    size_t miscounted(uint64_t images) const {
        size_t link = 0;
        while (link < counts_.size() && counts_[link] == images * per_image_[link]) ++link;
        return link;
    }
    uint64_t counted(size_t link) const { return counts_[link]; }

  protected:
    // Those of a cycle, a bit for each link.
    template <typename Root>
    void count(const Root& root) {
        constexpr size_t words = (sizeof root.accelerator__DOT__moved + 3) / 4;
        uint32_t moved[words];
        read(root.accelerator__DOT__moved, moved, words);
        for (size_t word = 0; word < words; ++word)
            for (uint32_t left = moved[word]; left; left &= left - 1)
                ++counts_[32 * word + __builtin_ctz(left)];
    }
    template <typename Root>
    void waits(const Root& root, uint32_t* words) const {
        const auto& waiting = root.accelerator__DOT__waiting;
        read(waiting, words, (sizeof waiting + 3) / 4);
    }

  private:
    std::vector<uint64_t> per_image_, counts_;
};

class Blind : public Unwatched {
  protected:
    template <typename Root>
    void count(const Root&) {}
    template <typename Root>
    void waits(const Root&, uint32_t*) const {}
};

#ifdef UNWATCHED
using Watch = Blind;
#else
using Watch = Watched;
#endif

class Model : public Watch {
  public:
    static constexpr uint64_t LANES = 1;

    Model() : top_(std::make_unique<Vaccelerator>(&context_)) {
        context_.fatalOnError(false);  // a failed assertion is ours to report
    }

    void inputs(bool reset, bool valid, bool ready) {
        resets_ = reset;
        top_->rst = reset;
        top_->i___05Fvalid = valid;
        top_->o___05Fready = ready;
    }
    void settle() {
        top_->clk = 0;
        top_->eval();
    }
    bool ready() const { return top_->i___05Fready; }
    bool valid() const { return top_->o___05Fvalid; }
    bool advance() {
        top_->clk = 1;
        top_->eval();
        if (resets_) return true;
        count(*top_->rootp);
        return !context_.gotError();
    }

    void put(const Images& images, uint64_t image, const Beat<const uint32_t>& beat) {
        if (image < images.count) write(top_->i___05Fpayload, beat.of(image), beat.words);
    }
    void get(const Images& images, uint64_t image, const Beat<uint32_t>& beat) {
        if (image < images.count) read(top_->o___05Fpayload, beat.of(image), beat.words);
    }

    void waiting(uint32_t* words) const { waits(*top_->rootp, words); }

  private:
    VerilatedContext context_;
    std::unique_ptr<Vaccelerator> top_;
    bool resets_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    Model model;
    return drive(model, argc, argv);
}
