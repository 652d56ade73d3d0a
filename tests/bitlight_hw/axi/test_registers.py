"""The register map: one row, one place; the texts that repeat it say the same."""

from pathlib import Path

from bitlight_hw.axi import REGISTERS, registers

DOCUMENT = Path(__file__).parents[3] / "docs" / "axi.md"


def test_no_two_registers_share_an_address():
    offsets = [offset for register in REGISTERS for offset in register.members]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 and offset < 1 << registers.ADDRESS_BITS for offset in offsets)


def test_the_docstring_holds_the_table():
    assert registers.__doc__ is not None
    assert registers.table() in registers.__doc__


def test_the_documentation_holds_the_table():
    assert registers.table() in DOCUMENT.read_text()


def test_words_of_a_register_follow_each_other():
    network = next(register for register in REGISTERS if register.name == "NETWORK")
    assert network.members[0x10] == "network0"
    assert network.members[0x2C] == "network7"
