"""Boards that people own: one small file each, and what is common to all."""

from bitlight_hw.boards.board import NAMES, Board, Pin, board

__all__ = ["NAMES", "Board", "Pin", "board"]
