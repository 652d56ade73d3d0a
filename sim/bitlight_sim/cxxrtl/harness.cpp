// CXXRTL's model of an accelerator.

#include "model.cpp"
// after the model, which brings CXXRTL's headers
#include "drive.hpp"

namespace {

struct Model : Unwatched {
    static constexpr uint64_t LANES = 1;

    cxxrtl_design::p_top top;

    void inputs(bool reset, bool valid, bool ready) {
        top.p_rst.set<bool>(reset);
        top.p_i____valid.set<bool>(valid);
        top.p_o____ready.set<bool>(ready);
    }
    void settle() {
        top.p_clk.set<bool>(false);
        top.step();
    }
    bool ready() const { return top.p_i____ready.get<bool>(); }
    bool valid() const { return top.p_o____valid.get<bool>(); }
    bool advance() {
        top.p_clk.set<bool>(true);
        top.step();
        return true;
    }
    void put(const Images& images, uint64_t image, const Beat<const uint32_t>& beat) {
        if (image < images.count)
            for (uint64_t n = 0; n < beat.words; ++n) top.p_i____payload.data[n] = beat.of(image)[n];
    }
    void get(const Images& images, uint64_t image, const Beat<uint32_t>& beat) {
        if (image < images.count)
            for (uint64_t n = 0; n < beat.words; ++n) beat.of(image)[n] = data(top.p_o____payload)[n];
    }

  private:
    template <size_t BITS>
    static const uint32_t* data(const cxxrtl::value<BITS>& port) { return port.data; }
    template <size_t BITS>
    static const uint32_t* data(const cxxrtl::wire<BITS>& port) { return port.curr.data; }
};

}  // namespace

int main(int argc, char** argv) {
    Model model;
    return drive(model, argc, argv);
}
