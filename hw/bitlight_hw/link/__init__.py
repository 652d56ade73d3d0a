"""The byte link of a design on a board: UART, frames that can be lost but not wrong, commands."""
