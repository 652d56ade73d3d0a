import numpy as np
import pytest
import safetensors.numpy

from bitlight.files.headers import parse, read_safetensors


def test_parsed_json_never_takes_more_than_was_weighed():
    """The weight is an upper limit whatever the JSON is made of."""
    import json
    import tracemalloc

    texts = {
        "lists": "[" + "[]," * 5000 + "[]]",
        "objects": "[" + "{}," * 5000 + "{}]",
        "keys": "{" + ",".join(f'"{n:x}":{n}' for n in range(5000)) + "}",
        "numbers": "[" + ",".join(map(str, range(300, 9000))) + "]",
        "floats": "[" + "0.1," * 5000 + "1e5]",
        "texts": "[" + '"",' * 3000 + '"xy",' * 3000 + '"x"]',
        "wide texts": json.dumps(["\u4e2d\u6587" * 9] * 500, ensure_ascii=False),
    }
    for kind, text in texts.items():
        tracemalloc.start()
        value = parse(text, 1 << 30)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert value is not None
        with pytest.raises(ValueError, match="its header would take"):
            parse(text, taken - len(text.encode()) - 4096)
        assert kind


@pytest.mark.parametrize(
    "text", ["NaN", "[-Infinity]", "[1e999]", "[" * 3000, "", '{"a":}', b"\xff"]
)
def test_no_json(text):
    with pytest.raises(ValueError, match=r"holds|nested|Expecting|decode"):
        parse(text, 1 << 20)


def test_safetensors(tmp_path):
    path = tmp_path / "a"
    safetensors.numpy.save_file({"x": np.arange(3)}, path, {"bitlight": '{"a": 1}'})
    header, tensors = read_safetensors(path)
    assert (header, tensors["x"].tolist()) == ({"a": 1}, [0, 1, 2])
    for metadata in ({"bitlight": "[]"}, {}, {"bitlight": "1"}):
        safetensors.numpy.save_file({"x": np.arange(3)}, path, metadata)
        with pytest.raises((ValueError, LookupError), match=r"no object|bitlight"):
            read_safetensors(path)


def test_thousands_of_entries_are_weighed_before_safetensors_sees_them(tmp_path):
    path = tmp_path / "a"
    safetensors.numpy.save_file({}, path, {f"{n:x}": "" for n in range(20_000)})
    with pytest.raises(ValueError, match="its header would take"):
        read_safetensors(path)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "a": 2}}]'])
def test_a_field_twice(text):
    with pytest.raises(ValueError, match="the field 'a' twice"):
        parse(text, 10_000)


def test_metadata_have_one_entry(tmp_path):
    path = tmp_path / "file"
    metadata = {"bitlight": "{}", "more": "hidden"}
    safetensors.numpy.save_file({"a": np.zeros(1)}, path, metadata)
    with pytest.raises(ValueError, match="one entry, bitlight"):
        read_safetensors(path)
