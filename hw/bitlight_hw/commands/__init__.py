"""Commands around the accelerator: plan, verilog, synth."""
