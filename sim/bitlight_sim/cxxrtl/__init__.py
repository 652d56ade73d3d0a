"""Yosys' own simulator, CXXRTL, behind the same harness: for comparison."""
