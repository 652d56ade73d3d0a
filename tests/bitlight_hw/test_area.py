"""The parts of units, counted as they are built, equal ones once; and what became of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from bitlight import Conv2d, Network
from bitlight_hw import Accelerator, area
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.family import FAMILIES
from bitlight_hw.synthesis import TARGETS
from bitlight_hw.timing import GIVE, TAKE
from bitlight_hw.units import Gearbox, MatrixVector, OrPool, Window
from bitlight_hw.units.contents import Contents
from bitlight_hw.units.popcount import parity_tables
from bitlight_hw.units.rom import Rom
from bitlight_hw.units.window import ring
from bitlight_hw.verilog import convert
from bitlight_lab.figures.area import KINDS, count, count_whole, draw

DOCS = Path(__file__).parents[2] / "docs"
NAMES = ("xc7", "ecp5", "ice40")


def test_equal_columns_are_one_table_and_bits_of_the_address_none():
    # Of eight addresses: the first two are alike, the third is another, the last never changes.
    words = np.array([[0, 1, 1, 0, 1, 0, 0, 0]] * 2 + [[1, 0, 0, 0, 1, 0, 0, 1], [1] * 8]).T > 0
    assert area.columns(words, 6) == area.Parts(rom_tables=2)
    address = np.arange(8)[:, None] >> np.arange(3) & 1
    assert area.columns(address > 0, 6) == area.Parts()


def test_a_deep_column_is_several_tables_and_their_choice():
    words = np.random.default_rng(0).random((50, 3)) < 0.5
    assert area.columns(words, 6) == area.Parts(rom_tables=3)
    # Of the last two rows, the fourth table of each column, some are alike.
    deep = area.columns(words, 4)
    assert 9 < deep["rom_tables"] <= 12
    assert deep["rom_choice"] == 9
    assert area.columns_at_most(50, 3, 4) == area.Parts(rom_tables=12, rom_choice=9)


def test_kinds_tell_which_bits_are_alike():
    words = np.zeros((2, 3, 2), bool)
    words[0, :2, 1] = words[1, :2, 0] = True  # two PEs alike, one that never changes
    kinds = area.Kinds(words)
    assert kinds.different(range(2)) == 2
    assert sorted(kinds.groups(range(2))) == [0, 2]
    assert kinds.values(range(2)) == 4


def test_a_bit_that_is_always_one_is_a_register_and_one_that_is_always_zero_is_none():
    """Registers begin as 0, so that tools cannot know."""
    kinds = area.Kinds(np.array([[[0, 1, 1, 0]], [[0, 1, 0, 0]]]) > 0)
    assert [kinds.groups(range(lane, lane + 2)) for lane in range(3)] == [[1], [2], [1]]
    assert [kinds.values(range(lane, lane + 2)) for lane in range(3)] == [2, 4, 2]
    assert area.Kinds(np.ones((1, 3, 2), bool)).values(range(2)) == 2


@pytest.mark.parametrize(("bits", "lut_inputs", "luts"), [(1, 6, 0), (6, 6, 5), (7, 6, 7)])
def test_tables_of_parities(bits, lut_inputs, luts):
    assert parity_tables(bits, lut_inputs) == luts


@pytest.mark.parametrize("name", NAMES)
def test_constant_weights_take_less(name):
    rng = np.random.default_rng(1)
    weight = rng.random((32, 16)) < 0.5
    sparse = weight & (rng.random((32, 16)) < 0.1)

    def luts(weight):
        outputs = np.zeros(len(weight), int)
        unit = MatrixVector(weight, outputs, pe=32, simd=16, bits=1)
        return unit.estimate(FAMILIES[name]).luts

    assert luts(sparse) < luts(weight) < luts(np.vstack([weight, rng.random((32, 16)) < 0.5]))


@pytest.mark.parametrize("sizes", [(64, 9), (9, 64), (6, 4), (1, 14)])
def test_choices_of_a_gearbox(sizes):
    """As they follow from every level, place by place."""
    unit, family = Gearbox(*sizes, 3), FAMILIES["ecp5"]
    places = {}
    for level, action, _ in unit.levels:
        units = [*range(level), *(-1 - n for n in range(unit.n) if action & TAKE)]
        given = unit.m if action & GIVE else 0
        for place, source in enumerate(units[:given]):
            places.setdefault(("given", place), set()).add(source)
        for place, source in enumerate(units[given:]):
            if source != place:
                places.setdefault(("kept", place), set()).add(source)
    choices = unit.unit_bits * sum(family.choice_luts(len(sources)) for sources in places.values())
    parts = unit.parts(family)
    assert parts["growing"] + parts["narrowing"] == choices
    assert parts["kept" if len(unit.levels) < 8 or sizes[0] < sizes[1] else "kept_of_many"] > 0


@pytest.mark.parametrize("flow", ["output", "input"])
@pytest.mark.parametrize(
    ("outputs", "fan_in", "pe", "simd"), [(12, 20, 3, 5), (6, 4, 1, 1), (8, 8, 8, 8), (24, 3, 2, 3)]
)
def test_places_lent_follow_without_the_steps(outputs, fan_in, pe, simd, flow):
    weight, threshold = np.zeros((outputs, fan_in), bool), np.zeros(outputs, int)
    unit = MatrixVector(weight, threshold, pe=pe, simd=simd, bits=1, dataflow=flow)
    gives = np.tile(unit.timing[-2].actions & GIVE > 0, 12)
    for cycles in (7, 8):
        most = max(gives[t : t + cycles + 1].sum() for t in range(len(gives) - cycles))
        assert unit._lent(cycles) == most


@pytest.mark.parametrize("depth", [5, 8, 12, 64])
def test_a_ring_takes_no_less_than_its_bound(depth):
    ring = Window(
        4, height=6, across=6, inner=1, kernel=(1, 3), stride=(1, 1), repeats=2, depth=depth
    )
    for name in NAMES:
        taken, bounds = ring.estimate(FAMILIES[name]), ring.least_estimates(FAMILIES[name])
        assert any(b.luts <= taken.luts and b.blocks <= taken.blocks for b in bounds)


def flat():
    """A kernel of height 1, whose windows are held: three inputs are no part of a pixel."""
    weight = np.random.default_rng(2).random((4, 1, 3, 5)) < 0.5
    return Accelerator(Network((3, 600, 5), 8, [Conv2d(weight, np.zeros(4, int))]), [(4, 3)])


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_of_height_one_keeps_no_lines(name):
    taken = flat().estimate(name)["layer0_slide"]
    assert (taken.blocks, taken.memory_luts) == (0, 0)
    pool = OrPool(8, inner=600, length=9, kernel=1, stride=2).estimate(FAMILIES[name])
    assert (pool.blocks, pool.memory_luts) == (0, 0)


def test_every_unit_of_every_family_has_factors():
    known = json.loads(Path(area.__file__).with_suffix(".json").read_text())
    assert set(known) == set(NAMES)
    for fields in known.values():
        assert set(fields) == {"luts", "carries", "ffs"}
        for units in fields.values():
            assert set(units) == set(KINDS.values())
            assert all(factor > 0 for unit in units.values() for factor in unit.values())


def test_predictions_are_no_worse_than_published():
    """Networks that Yosys counted, predicted anew."""
    recorded = json.loads((DOCS / "raw" / "area.json").read_text())["devices"]
    for device, found in recorded.items():
        family, errors = TARGETS[device].family, []
        for row in found["rows"][::5]:
            taken = Estimate.total(draw(row["seed"]).estimate(family).values())
            errors.append(tables(taken) / row["tables"] - 1)
            assert taken.blocks == row["blocks"]
        assert np.mean(np.abs(errors) <= 0.15) >= 0.9
        assert min(errors) >= -0.1


@pytest.mark.parametrize(
    ("name", "depth", "width", "blocks", "cut"),
    [
        ("xc7", 1100, 24, 3, 2),
        ("ecp5", 1100, 24, 3, 2),
        ("ice40", 544, 24, 6, 5),
        ("ice40", 512, 24, 3, 3),
    ],
)
def test_memories_that_are_cut_take_fewer_blocks(name, depth, width, blocks, cut):
    """What Yosys makes of them; a RAM it cuts on iCE40 alone."""
    family = FAMILIES[name]
    assert family.blocks(depth, width) == blocks
    assert family.cut(depth, width)[0] == cut
    assert family.ram_estimate(depth, width).blocks == (cut if name == "ice40" else blocks)


def test_what_chooses_from_a_cut_memory_is_counted():
    words = np.random.default_rng(0).random((544, 1, 24)) < 0.5
    rom, family = Contents(words), FAMILIES["ice40"]
    assert rom.estimate(family).blocks == 5
    assert rom.parts(family)["side_choice"] == 24 * 2
    assert area.memory(family, 544, 24) == area.Parts(register_choice=24 * 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "depth"), [("xc7", 1100), ("ecp5-85k", 1100), ("ice40-up5k", 544)]
)
def test_yosys_cuts_memories_so(device, depth):
    target = TARGETS[device]
    rom = Rom(np.random.default_rng(0).random((depth, 1, 24)) < 0.5)
    for unit in (rom, ring(24, depth)):
        found = count(convert(unit, "unit", target.family), "unit", target)
        taken = unit.estimate(FAMILIES[target.family])
        assert round(found.brams * target.blocks_per_bram) == taken.blocks > 1


@pytest.mark.slow
@pytest.mark.parametrize("device", ["xc7", "ecp5-85k", "ice40-up5k"])
def test_yosys_finds_no_block_ram_for_a_kernel_of_height_one(device):
    found = count_whole(flat(), TARGETS[device])
    assert found.brams == 0
    assert Estimate.total(flat().estimate(TARGETS[device].family).values()).blocks == 0


def check_by_yosys(device, seeds):
    """Networks that no factor was fitted to."""
    target, errors = TARGETS[device], {}
    for seed in seeds:
        acc = draw(seed)
        found = count_whole(acc, target)
        taken = Estimate.total(acc.estimate(target.family).values())
        errors[seed] = tables(taken) / (found.luts + found.memory_luts) - 1
        assert taken.blocks == round(found.brams * target.blocks_per_bram), seed
    assert np.mean(np.abs([*errors.values()]) <= 0.15) >= 0.8, errors
    assert min(errors.values()) >= -0.15, errors


@pytest.mark.slow
@pytest.mark.parametrize("device", ["xc7", "ecp5-85k", "ice40-up5k"])
def test_networks_that_no_factor_was_fitted_to(device):
    check_by_yosys(device, range(3000, 3005))


@pytest.mark.fuzz
@pytest.mark.parametrize("device", ["xc7", "ecp5-85k", "ice40-up5k"])
def test_networks_that_nobody_has_seen(device):
    """Others at every run; a failure names them."""
    first = np.random.default_rng().integers(10_000, 1 << 31)
    check_by_yosys(device, range(first, first + 15))


@pytest.mark.slow
@pytest.mark.parametrize("device", ["xc7", "ecp5-85k", "ice40-up5k"])
def test_what_the_axi_ports_take(device):
    """What Yosys counts with them, less what it counts without."""
    from bitlight_hw.axi import AxiAccelerator
    from bitlight_hw.layerplans import around

    target, acc = TARGETS[device], draw(1)
    taken = Estimate.total(around(acc, "axi", FAMILIES[target.family]).values())
    tops = {"bitlight_axi": AxiAccelerator(acc), "accelerator": acc}
    counted = []
    for name, top in tops.items():
        found = count(top.verilog(target.family), name, target)
        counted.append(found.luts + found.memory_luts)
    assert tables(taken) == pytest.approx(counted[0] - counted[1], rel=0.12)
