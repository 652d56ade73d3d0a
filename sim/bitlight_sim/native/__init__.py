"""The native simulator: Verilator's C++, a clock loop around it, and a cache of what was built."""
