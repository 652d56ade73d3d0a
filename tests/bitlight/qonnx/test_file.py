"""Files that are cut, altered or crafted: one line says so, and no memory is taken for them."""

import contextlib
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import draw_network, seeds
from onnx import TensorProto, helper

from bitlight import ExchangeError, export_qonnx
from bitlight.qonnx import import_qonnx
from bitlight.qonnx.writer import to_model


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "a.onnx"
    export_qonnx(draw_network(np.random.default_rng(3)), path)
    return path.read_bytes()


def altered(content, alter):
    model = onnx.ModelProto.FromString(content)
    alter(model)
    return model.SerializeToString()


def refuse(tmp_path, content, message):
    (tmp_path / "b.onnx").write_bytes(content)
    with pytest.raises(ExchangeError, match=re.escape(message)) as caught:
        import_qonnx(tmp_path / "b.onnx")
    assert len(str(caught.value).splitlines()) == 1


def test_missing(tmp_path):
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(ExchangeError, match="no such file"):
            import_qonnx(path)


def test_cut_anywhere(tmp_path, content):
    """Up to where the graph ends; what is behind it says nothing about the network."""
    end = content.index(b"bitlight_network") - 30
    for length in range(0, end, 11):
        refuse(tmp_path, content[:length], "b.onnx")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_altered_anywhere(tmp_path_factory, content, data):
    """A flipped bit may leave another network; it must not leave another kind of error."""
    path = tmp_path_factory.mktemp("onnx") / "a.onnx"
    at = data.draw(st.integers(0, 8 * len(content) - 1))
    changed = bytearray(content)
    changed[at // 8] ^= 1 << at % 8
    path.write_bytes(changed)
    with contextlib.suppress(ExchangeError):
        import_qonnx(path)


class Mutation:
    """One change that keeps the file whole: of an attribute, an input, a node or a constant."""

    def __init__(self, data, graph):
        self.draw, self.graph = data.draw, graph
        self.node = self.one_of(graph.node)

    def one_of(self, items):
        return items[self.draw(st.integers(0, len(items) - 1))]

    def number(self):
        return self.draw(st.sampled_from([-(1 << 63), -1, 0, 1, 2, 3, 1 << 40, (1 << 63) - 1]))

    def attribute(self):
        if self.node.attribute:
            attribute = self.one_of(self.node.attribute)
            attribute.i = self.number()
            attribute.f = self.draw(st.sampled_from([0.0, -1.0, float("nan"), 1e38]))
            attribute.ints[:] = [self.number() for _ in attribute.ints]

    def type_of_an_attribute(self):
        if self.node.attribute:
            self.one_of(self.node.attribute).type = self.draw(st.integers(0, 8))

    def input(self):
        names = [tensor.name for tensor in self.graph.initializer]
        if self.node.input:
            at = self.draw(st.integers(0, len(self.node.input) - 1))
            self.node.input[at] = self.one_of([*names, "", "nothing"])

    def missing_input(self):
        if self.node.input:
            self.node.input.pop()

    def operation(self):
        node = self.one_of(self.graph.node)
        self.node.op_type, self.node.domain = node.op_type, node.domain

    def missing_node(self):
        self.graph.node.remove(self.node)

    def size(self):
        self.one_of(self.graph.input[0].type.tensor_type.shape.dim).dim_value = self.number()

    def constant(self):
        tensor = self.one_of(self.graph.initializer)
        tensor.dims[:] = self.draw(st.permutations(list(tensor.dims)))
        tensor.raw_data = tensor.raw_data[::-1]


@given(seeds(), st.data())
@settings(max_examples=400, deadline=None)
def test_mutated_graphs_are_read_or_refused(tmp_path_factory, seed, data):
    rng = np.random.default_rng(seed)
    model = to_model(draw_network(rng))
    for _ in range(data.draw(st.integers(1, 3))):
        mutation = Mutation(data, model.graph)
        kinds = [name for name in vars(Mutation) if name not in ("__init__", "one_of", "number")]
        getattr(mutation, data.draw(st.sampled_from([k for k in kinds if k[0] != "_"])))()
        if not model.graph.node:
            return
    path = tmp_path_factory.getbasetemp() / "mutated.onnx"
    path.write_bytes(model.SerializeToString())
    with contextlib.suppress(ExchangeError):
        import_qonnx(path)


def external(model):
    tensor = model.graph.initializer[1]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def larger_than_it_is(model):
    model.graph.initializer[1].dims[0] = 1 << 40


def negative(model):
    model.graph.initializer[1].dims[0] = -1


def strings(model):
    model.graph.initializer[1].data_type = TensorProto.STRING


def functions(model):
    model.functions.add(name="f", domain="d")


def sparse(model):
    model.graph.sparse_initializer.add()


def a_graph_inside(model):
    graph = helper.make_graph([], "g", [], [])
    model.graph.node[1].attribute.append(helper.make_attribute("then", graph))


def no_graph(model):
    model.ClearField("graph")


CRAFTED = {
    external: "lies in another file, which is not read: save it in one file",
    larger_than_it_is: "needs",
    negative: "must have up to four dimensions, not (-1",
    strings: "must hold floats or integers, not type 8",
    functions: "has functions of its own, which are not read",
    sparse: "has sparse tensors, which are not read",
    a_graph_inside: "its attribute 'then' must not be a GRAPH",
    no_graph: "holds no graph",
}


@pytest.mark.parametrize("alter", CRAFTED, ids=lambda alter: alter.__name__)
def test_crafted(tmp_path, content, alter):
    refuse(tmp_path, altered(content, alter), CRAFTED[alter])


def test_graphs_nested_in_graphs(tmp_path):
    model = onnx.ModelProto()
    graph = model.graph
    for _ in range(20):
        graph = graph.node.add().attribute.add(type=onnx.AttributeProto.GRAPH).g
    refuse(tmp_path, model.SerializeToString(), "its messages are nested too deeply")


def test_names_of_several_lines_stay_on_one(tmp_path, content):
    def rename(model):
        model.graph.node[1].op_type = "a\nb" * 100

    refuse(tmp_path, altered(content, rename), "a\\nba\\nb")


def test_names_that_are_no_text(tmp_path, content):
    refuse(tmp_path, content.replace(b"sums0", b"sum\xff0"), "can't decode byte 0xff")


def test_too_large(tmp_path, content, monkeypatch):
    monkeypatch.setattr("bitlight.qonnx.file.LARGEST_FILE", 100)
    refuse(tmp_path, content, f"has {len(content)} bytes; at most 100 are read")


def test_no_memory_is_taken_for_millions_of_empty_nodes(tmp_path):
    """Two bytes each in the file; parsed they would take a hundred times as much."""
    graph = b"\x0a\x00" * (1 << 23)
    length = b""
    rest = len(graph)
    while rest > 127:
        length += bytes([rest & 127 | 128])
        rest >>= 7
    (tmp_path / "a.onnx").write_bytes(b"\x3a" + length + bytes([rest]) + graph)
    command = (
        "import resource, sys\n"
        "from bitlight.qonnx import import_qonnx\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = used()\n"
        "try:\n    import_qonnx(sys.argv[1])\n"
        "except Exception as error:\n    print(error)\n"
        "print(used() - before)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", command, tmp_path / "a.onnx"],
        capture_output=True,
        text=True,
        check=True,
    )
    message, kilobytes = found.stdout.splitlines()
    assert "it has more than 838861 fields and integers" in message
    assert int(kilobytes) < 50_000


def packed_integers(model):
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_type, tensor.dims[:] = TensorProto.INT64, [100_000]
    tensor.int64_data.extend([1] * 100_000)


def test_no_memory_is_taken_for_integers_of_a_byte_each(tmp_path, content):
    """Parsed, and in an array, they would take sixteen times as much."""
    refuse(tmp_path, altered(content, packed_integers), "integers, too many for its size")


def test_the_file_is_named(tmp_path, content):
    refuse(tmp_path, altered(content, negative), f"{tmp_path / 'b.onnx'}: tensor ")


def test_import_needs_neither_onnx_nor_torch():
    command = (
        "import sys, bitlight, bitlight.cli\n"
        "print([name for name in ('onnx', 'torch', 'google.protobuf') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_without_onnx_one_line_says_how_to_get_it(tmp_path):
    (tmp_path / "a").touch()
    command = (
        "import sys; sys.modules['onnx'] = None; sys.argv[1:] = ['import', 'a', 'b']\n"
        "from bitlight.cli import main; main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert "pip install 'bitlight[onnx]'" in found.stderr
    assert len(found.stderr.splitlines()) == 1
