"""The command line as a user meets it: tables, JSON, and errors of one line with exit code 2."""

import json
import re

import numpy as np
import pytest
from networks import draw_network

from bitlight import Conv2d, FeatureStore, Linear, Network, OpticalFeatures, data, extractors
from bitlight.features.npz import FeatureFile


@pytest.fixture
def net(tmp_path):
    """A small network on 5×5 images, in a file."""
    rng = np.random.default_rng(0)
    layers = [
        Conv2d(rng.random((4, 3, 3, 1)) < 0.5, rng.integers(-200, 200, 4), padding=(1, 1)),
        Linear(rng.random((6, 100)) < 0.5, rng.integers(-9, 9, 6)),
    ]
    Network((5, 5, 1), 8, layers).save(tmp_path / "net.bnn")
    return tmp_path / "net.bnn"


@pytest.fixture
def images(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).integers(0, 256, (9, 5, 5, 1), np.uint8))
    return tmp_path / "x.npy"


def test_help_teaches_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    for command in (
        "demo",
        "inspect",
        "import",
        "export",
        "features",
        "project",
        "head",
        "verilog",
        "simulate",
        "energy",
        "cosim",
        "bench",
    ):
        assert command in out
        assert run(command, "--help")[0] == 0


def test_inspect(run, net, tmp_path):
    code, out, _ = run("inspect", net, "--json", tmp_path / "a.json")
    assert code == 0
    assert "Conv2d 3x3" in out
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["id"] == Network.load(net).id
    assert figures["xnor_macs"] == 25 * 4 * 9 * 8 + 600


def test_export_and_import(run, net, tmp_path):
    model, again = tmp_path / "net.onnx", tmp_path / "again.bnn"
    code, out, _ = run("export", net, model, "--json", tmp_path / "e.json")
    assert code == 0
    assert "UINT8" in out
    assert json.loads((tmp_path / "e.json").read_text())["network"] == Network.load(net).id
    code, out, _ = run("import", model, again, "--json", tmp_path / "i.json")
    assert code == 0
    assert "Conv_sums0" in out
    figures = json.loads((tmp_path / "i.json").read_text())
    assert figures["id"] == Network.load(again).id
    assert figures["nodes"] == ["Conv_sums0", "MatMul_sums1"]
    assert figures["input"] == "UINT8 as it is"
    x = np.random.default_rng(1).integers(0, 256, (9, 5, 5, 1), np.uint8)
    assert np.array_equal(Network.load(again).forward(x), Network.load(net).forward(x))


def test_features_and_head(run, tmp_path):
    rng = np.random.default_rng(0)
    layers = [Linear(rng.random((64, 64)) < 0.5, rng.integers(-2000, 2000, 64))]
    Network((8, 8, 1), 8, layers).save(tmp_path / "net.bnn")
    features, head = tmp_path / "f.npz", tmp_path / "h.safetensors"
    assert run("features", tmp_path / "net.bnn", "digits", features)[0] == 0
    samples = FeatureFile.load(features)
    net = Network.load(tmp_path / "net.bnn")
    pixels, labels = data.digits()
    assert np.array_equal(samples.features, net.forward(pixels))
    assert np.array_equal(samples.labels, labels)
    assert samples.network_id == net.id
    assert run("head", "train", features, head, "--json", tmp_path / "t.json")[0] == 0
    assert run("head", "score", head, features, "--json", tmp_path / "s.json")[0] == 0
    trained = json.loads((tmp_path / "t.json").read_text())
    tested = json.loads((tmp_path / "s.json").read_text())
    assert tested["accuracy"] == trained["training_accuracy"] > 0.7


def test_projected_features_and_a_head(run, tmp_path):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (200, 70), dtype=np.uint8)
    for name, part in (("a", slice(150)), ("b", slice(150, 200))):
        FeatureFile(bits[part], bits[part, 0].astype(int), "c" * 64).save(tmp_path / name)
    a, b, like, other, head = (tmp_path / name for name in ("a", "b", "like", "other", "head"))
    assert run("project", a, tmp_path / "o", "--components", 300, "--seed", 4)[0] == 0
    json_file = tmp_path / "p.json"
    assert run("project", b, like, "--like", tmp_path / "o", "--json", json_file)[0] == 0
    trained, tested = FeatureFile.load(tmp_path / "o"), FeatureFile.load(like)
    assert trained.features.dtype == np.uint8
    assert trained.id == tested.id != "c" * 64
    assert json.loads(json_file.read_text())["optics"] == trained.optics
    expected = OpticalFeatures(300, "structured", random_state=4).fit(bits[:150]).transform(bits)
    assert np.array_equal(np.concatenate([trained.features, tested.features]), expected)
    assert run("head", "train", tmp_path / "o", head)[0] == 0
    assert run("head", "score", head, like)[0] == 0
    assert run("project", b, other, "--components", 300, "--seed", 4)[0] == 0
    code, _, err = run("head", "score", head, other)  # another exposure
    assert code == 2
    assert "was trained for the projection" in err
    for arguments, message in (
        ((a, other), "give --components, or --like FILE"),
        ((like, other, "--components", 3), "is a projection already"),
        ((a, other, "--like", b), "is no projection"),
        ((a, other, "--components", 3, "--exposure", -1), "exposure must be positive"),
    ):
        code, _, err = run("project", *arguments)
        assert code == 2
        assert message in err


def test_a_head_of_another_extractor_is_refused(run, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        features = rng.integers(0, 2, (40, 5), dtype=np.uint8)
        FeatureFile(features, np.arange(40) % 2, name * 64).save(tmp_path / f"{name}.npz")
    run("head", "train", tmp_path / "a.npz", tmp_path / "h")
    code, _, err = run("head", "score", tmp_path / "h", tmp_path / "b.npz")
    assert code == 2
    assert "was trained for extractor aaaa" in err


@pytest.mark.parametrize("kind", ["ridge", "linear", "binary"])
def test_a_head_is_trained_shown_and_exported(run, tmp_path, kind):
    rng = np.random.default_rng(0)
    first = Linear(rng.random((64, 64)) < 0.5, rng.integers(-2000, 2000, 64))
    net = Network((8, 8, 1), 8, [first, Linear(rng.random((10, 64)) < 0.5, None)])
    net.save(tmp_path / "net.bnn")
    pixels, labels = data.digits()
    file, head, figures = tmp_path / "f.npz", tmp_path / "h", tmp_path / "a.json"
    FeatureFile(net.forward(pixels, upto=1), labels, net.upto(1).id).save(file)
    options = ("--kind", kind, "--balanced", "--calibrate", "--json", figures)
    names = ",".join(f"digit {d}" for d in range(10))
    assert run("head", "train", file, head, *options, "--names", names)[0] == 0
    trained = json.loads(figures.read_text())
    assert trained["dtype"] == ("bits" if kind == "binary" else "float32")
    assert trained["temperature"] > 0
    assert run("head", "score", head, file, "--json", figures)[0] == 0
    scored = json.loads(figures.read_text())
    assert scored["accuracy"] == trained["training_accuracy"] > 0.7
    assert 0 < scored["mean_log_loss"] < 1.5
    code, out, _ = run("head", "show", head, "--network", tmp_path / "net.bnn", "--json", figures)
    assert code == 0
    assert "digit 3" in out
    shown = json.loads(figures.read_text())
    assert shown["bytes"] == trained["bytes"] == head.stat().st_size
    assert [row["bytes"] for row in shown["sizes"]] == [
        64 * 64 // 8 + 4 * 64,
        4 * (64 * 64 + 64 + 640 + 10),
        (64 * 64 + 640) // 8 + 4 * 64,
        4 * (64 * 64 + 64 + 640),
    ]
    assert run("head", "export", head, tmp_path / "h.h", "--name", "digits")[0] == 0
    assert "digits_predict" in (tmp_path / "h.h").read_text()


def test_classes_are_matched_by_name(run, tmp_path):
    """A set that lacks a class numbers the others differently, and is as right as before."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    features = (rng.random((300, 60)) < 0.2 + 0.6 * (np.arange(60) // 20 == labels[:, None])) + 0
    classes = ("ant", "bee", "cat")
    FeatureFile(features.astype(np.uint8), labels, "a" * 64, None, classes).save(tmp_path / "a")
    kept = labels > 0
    few = features[kept].astype(np.uint8), labels[kept] - 1, "a" * 64, None
    FeatureFile(*few, ("bee", "cat")).save(tmp_path / "b")
    FeatureFile(*few, ("bee", "dog")).save(tmp_path / "c")
    FeatureFile(few[0], few[1] + 1, *few[2:]).save(tmp_path / "d")
    figures = tmp_path / "figures.json"
    assert run("head", "train", tmp_path / "a", tmp_path / "h", "--json", figures)[0] == 0
    trained = json.loads(figures.read_text())
    assert trained["images_held_out"] == 60
    assert trained["accuracy_held_out"] > 0.9
    assert run("head", "score", tmp_path / "h", tmp_path / "b", "--json", figures)[0] == 0
    assert json.loads(figures.read_text())["accuracy"] > 0.9
    code, _, err = run("head", "score", tmp_path / "h", tmp_path / "c")
    assert code == 2
    assert "has the class 'dog', which is none of ant, bee, cat" in err
    code, _, err = run("head", "score", tmp_path / "h", tmp_path / "d", "--json", figures)
    assert code == 0
    assert "has no class names: labels are compared by their numbers" in err
    assert json.loads(figures.read_text())["accuracy"] > 0.9
    FeatureFile(*few).save(tmp_path / "e")  # without names, and a class fewer
    code, _, err = run("head", "score", tmp_path / "h", tmp_path / "e")
    assert code == 2
    assert "3 classes in the head and 2 in the features: labels could only be matched by" in err
    code, _, err = run("head", "train", tmp_path / "b", tmp_path / "h", "--names", "cat,bee")
    assert code == 2
    assert "the features have names of their classes, bee, cat: --names is for those" in err


def test_the_accuracy_that_is_told_is_of_images_that_were_not_seen(run, tmp_path):
    """Noise is learnt by heart: all right in training, chance on what was held out."""
    rng = np.random.default_rng(0)
    features = rng.integers(0, 2, (200, 400), dtype=np.uint8)
    FeatureFile(features, rng.integers(0, 2, 200), "a" * 64).save(tmp_path / "a")
    figures = tmp_path / "figures.json"
    assert run("head", "train", tmp_path / "a", tmp_path / "h", "--json", figures)[0] == 0
    trained = json.loads(figures.read_text())
    assert trained["training_accuracy"] > 0.95
    assert trained["accuracy_held_out"] < 0.7
    code, _, _ = run("head", "train", tmp_path / "a", tmp_path / "h", "--hold-out", 0)
    assert code == 0
    code, _, err = run("head", "train", tmp_path / "a", tmp_path / "h", "--names", "one")
    assert code == 2
    assert "--names gives 1 names, and there are 2 classes" in err


def test_what_heads_refuse(run, tmp_path, net, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("features", net, images, "unlabelled.npz")
    features = np.random.default_rng(0).integers(0, 2, (40, 6), dtype=np.uint8)
    FeatureFile(features, np.arange(40) % 2, "a" * 64).save(tmp_path / "f.npz")
    run("head", "train", tmp_path / "f.npz", tmp_path / "h")
    for arguments, message in (
        (("train", "unlabelled.npz", "h"), "has no labels to train on"),
        (("train", "f.npz", "h", "--kind", "linear", "--alpha", 3), "--alpha is for ridge alone"),
        (("train", "f.npz", "h", "--dtype", "bits"), "take a BinaryHead"),
        (("show", "h", "--network", net), "was not trained for"),
        (("export", "h", "h.txt"), "ends neither in .onnx nor in .h"),
        (("export", "h", "h.h", "--name", "A"), "name must be small letters"),
    ):
        code, _, err = run("head", *arguments)
        assert code == 2
        assert message in err


def test_bench_heads(run, tmp_path):
    file = tmp_path / "a.json"
    sizes = ("--size", 300, 40, "--stream", 500, 40, "--rounds", 1, "--threads", 1)
    assert run("bench", "heads", *sizes, "--in-memory", "--json", file)[0] == 0
    figures = json.loads(file.read_text())
    assert figures["ridge"]["ratio"] > 0
    assert figures["streamed"]["in_memory"]["error_bound"] < 1e-6
    assert 1e8 < figures["streamed"]["peak_bytes"] < 1.5e9


def test_verilog(run, net, tmp_path):
    assert run("verilog", net, tmp_path / "a.sv", "--folding", "2,1/3,4")[0] == 0
    assert run("verilog", net, tmp_path / "b.sv", "--folding", "2,1/3,4")[0] == 0
    text = (tmp_path / "a.sv").read_text()
    assert "module accelerator(" in text
    assert text == (tmp_path / "b.sv").read_text()


def test_simulate_and_rtl_features(run, net, images, tmp_path):
    code, out, _ = run("simulate", net, images, "--cycles", 225, "--json", tmp_path / "a.json")
    assert code == 0, out
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["bits_different"] == 0
    assert figures["cycles_measured"] == figures["cycles_predicted"] <= 225
    for engine in ("rtl", "golden"):
        assert run("features", net, images, tmp_path / engine, "--engine", engine)[0] == 0
    found = [FeatureStore(tmp_path / engine) for engine in ("rtl", "golden")]
    assert np.array_equal(found[0][:], found[1][:])
    assert [store.audited().tolist() for store in found] == [[9], [0]]


def test_simulate_with_a_projection(run, net, images, tmp_path):
    options = ("--project", 8, "--project-fold", "2,4", "--project-seed", 3)
    arguments = ("simulate", net, images, *options, "--engine", "sliced")
    code, out, _ = run(*arguments, "--json", tmp_path / "a.json")
    assert code == 0, out
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["intensities_compared"] == 9 * 8
    assert figures["bits_compared"] % (9 * 8) == 0
    assert figures["bits_different"] == figures["intensities_different"] == 0
    assert run("plan", net, *options)[0] == 0


def test_cosim(run, net, images, tmp_path):
    arguments = ["cosim", net, images, "--cycles", 225, "--simulator", "icarus"]
    code, out, err = run(*arguments, "--folder", tmp_path / "cosim", "--json", tmp_path / "a.json")
    if "iverilog is not installed" in err:
        pytest.skip("Icarus is missing: apt-get install iverilog")
    assert code == 0, err
    assert "icarus" in json.loads((tmp_path / "a.json").read_text())
    assert "equal" in out


def bad_input(tmp_path):
    draw_network(np.random.default_rng(7)).save(tmp_path / "net.bnn")
    whole = (tmp_path / "net.bnn").read_bytes()
    (tmp_path / "cut.bnn").write_bytes(whole[:-1])
    (tmp_path / "altered.bnn").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    np.save(tmp_path / "wide.npy", np.zeros((2, 9, 9, 2), np.uint8))
    np.save(tmp_path / "rows.npy", np.zeros((2, 9), np.uint8))
    np.save(tmp_path / "float.npy", np.zeros((2, 28, 28, 1)))
    np.save(tmp_path / "pickled.npy", np.array([None]), allow_pickle=True)
    (tmp_path / "empty").mkdir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "none.bnn"], "no such file: none.bnn"),
        (["inspect", "cut.bnn"], "cut.bnn is not a whole .bnn file"),
        (["inspect", "altered.bnn"], "altered"),
        (["import", "none.onnx", "o"], "no such file: none.onnx"),
        (["import", "net.bnn", "o"], "net.bnn is not a whole ONNX file"),
        (["export", "fashion28", "no/folder/o"], "cannot write no/folder/o"),
        (["features", "fashion28", "wide.npy", "o"], "cannot become (28, 28, 1)"),
        (["features", "fashion28", "float.npy", "o"], "must be a uint8 array, not float64"),
        (["features", "fashion28", "pickled.npy", "o"], "not a whole .npy file"),
        (["features", "fashion28", "none.npy", "o"], "no images 'none.npy'"),
        (["features", "fashion28", "empty", "o"], "empty"),
        (["features", "fashion28", "fashion-mnist:dev", "o"], "dev"),
        (["features", "lfc:3", "rows.npy", "o", "--random-weights"], "do not give 784 values"),
        (["features", "fashion28", "animals", "o", "--fit", "fill"], "'fill' is not one of"),
        (
            ["features", "fashion28", "animals", "no/folder/o", "-n", "5"],
            "cannot write no/folder/o",
        ),
        (["verilog", "fashion28", "o", "--folding", "5,1"], "folding must have"),
        (
            ["verilog", "fashion28", "o", "--folding", "5,1/32,32/16,32/16,64/4,64"],
            "layer 0: PE must divide 32 outputs, not 5",
        ),
        (["verilog", "fashion28", "o", "--folding", "x"], "--folding is written like"),
        (["verilog", "fashion28", "o", "--cycles", "5"], "no folding reaches 5 cycles"),
        (["head", "train", "wide.npy", "o"], "not a whole feature file"),
        (["head", "score", "none", "none"], "none"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, monkeypatch, arguments, message):
    bad_input(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    if err.startswith("error"):
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


def test_debug_shows_the_trace(run):
    with pytest.raises(Exception, match="no such file"):
        run("--debug", "inspect", "none.bnn")


def test_a_missing_simulator_is_one_line(run, net, images, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for engine, missing in (("verilator", "perl"), ("auto", r"g\+\+")):
        code, _, err = run("simulate", net, images, "--engine", engine)
        assert code == 2
        assert re.search(f"{missing} is not installed", err)


def test_plan_marks_the_slowest_layer(run, net, tmp_path):
    code, out, _ = run("plan", net, "--folding", "2,3/3,4", "--json", tmp_path / "plan.json")
    assert code == 0
    found = json.loads((tmp_path / "plan.json").read_text())
    assert max(row["cycles"] for row in found["layers"]) == found["cycles_per_image"]
    assert "◀" in out
    assert found["total"]["luts"] == sum(row["luts"] for row in found["layers"])


def test_a_clock_of_nothing_is_refused(run, net):
    code, _, error = run("plan", net, "--mhz", "0")
    assert code == 2
    assert "0.0 is not in the range" in error


def test_plan_tells_what_a_part_has_and_what_a_bus_takes(run, net, tmp_path):
    found = {}
    for bus in ("stream", "axi"):
        options = ("--target", "ice40-up5k", "--bus", bus, "--json", tmp_path / "plan.json")
        code, out, _ = run("plan", net, *options)
        assert code == 0
        assert "of 5,280" in out
        found[bus] = json.loads((tmp_path / "plan.json").read_text())
    assert found["stream"]["around"] == {}
    assert set(found["axi"]["around"]) >= {"AXI ports", "words to beats", "beats to words"}
    luts = {bus: plan["total"]["luts"] for bus, plan in found.items()}
    assert luts["axi"] > luts["stream"] + 500
    assert found["axi"]["total"]["occupied"] > luts["axi"]


def test_what_is_around_counts_in_a_budget(run, net, tmp_path):
    options = ("--luts", 800, "--bus", "axi", "--json", tmp_path / "plan.json")
    assert run("plan", net, *options)[0] == 0
    total = json.loads((tmp_path / "plan.json").read_text())["total"]
    assert total["luts"] + total["memory_luts"] <= 800
    code, _, error = run("plan", net, "--luts", 300, "--bus", "axi")
    assert code == 2
    assert "no folding fits" in error


def test_a_part_is_filled(run, net, tmp_path):
    file = tmp_path / "plan.json"
    assert run("plan", net, "--fill", "--target", "ice40-up5k", "--json", file)[0] == 0
    filled = json.loads(file.read_text())
    assert filled["total"]["occupied"] <= 0.85 * 5280
    mhz = filled["clock"]["mhz"]
    options = ("--fill", "--reach", f"{0.9 * mhz}", "--target", "ice40-up5k", "--json", file)
    assert run("plan", net, *options)[0] == 0
    assert json.loads(file.read_text())["clock"]["mhz"] >= 0.9 * mhz


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--folding", "2,3/3,4", "--cycles", "100"), "give --cycles, --luts or --fill"),
        (("--fill", "--cycles", "100"), "--fill asks for the most images/s"),
        (("--fill",), "part must be an FPGA of known size, ecp5-25k"),
        (("--reach", "50"), "--reach goes with --fill"),
        (("--folding", "published"), "foldings are published for tfc, sfc, lfc, cnv"),
        (("--dataflow", "both"), "dataflow must be"),
        (("--luts", "3"), "no folding fits 3 look-up tables"),
        (
            ("--luts", "3", "--target", "ice40-up5k"),
            "no folding fits 3 look-up tables, 5,280 places",
        ),
        (("--target", "xc8"), "target must be one of xc7, ecp5, ice40, ecp5-25k, ecp5-45k"),
        (("--target", "generic"), "what 'generic' takes is not predicted, since its tools decide"),
        (("--project", "8", "--project-fold", "2"), "--project-fold is written like 32,8"),
        (("--project", "8", "--project-fold", "2,3"), "components at once must divide 8"),
    ],
)
def test_choices_that_contradict_are_refused(run, net, options, message):
    code, _, error = run("plan", net, *options)
    assert code == 2
    assert message in error
    assert len(error.splitlines()) == 1


def test_verilog_between_axi_ports(run, net, tmp_path):
    code, _, _ = run("verilog", net, tmp_path / "axi.sv", "--bus", "axi")
    assert code == 0
    assert "module bitlight_axi(" in (tmp_path / "axi.sv").read_text()


@pytest.mark.parametrize("command", ["inspect", "plan"])
def test_a_name_means_one_network(run, tmp_path, command):
    figures, used = tmp_path / "a.json", {}
    for name in ("fashion28", "fashion28:features", "fashion28:whole", "fashion28:3"):
        code, out, _ = run(command, name, "--json", figures)
        assert code == 0
        used[name] = json.loads(figures.read_text())["network_used"]
        assert f"{used[name]['layers']} layers, " in out
        assert used[name]["id"][:12] in out
    assert used["fashion28"] == used["fashion28:features"]
    assert used["fashion28"]["name"] == "fashion28:features"
    assert used["fashion28"]["id"] == extractors.features().id
    assert used["fashion28:whole"]["id"] == extractors.load().id
    assert used["fashion28:3"]["layers"] == 3


def test_a_cut_of_a_file(run, net, tmp_path):
    assert run("features", f"{net}:1", "random:4", tmp_path / "a.npz")[0] == 0
    assert FeatureFile.load(tmp_path / "a.npz").network_id == Network.load(net).upto(1).id
    code, _, err = run("inspect", f"{net}:some")
    assert code == 2
    assert "behind the colon stands features, whole or a number of layers" in err
    code, _, err = run("inspect", f"{net}:99")
    assert code == 2


@pytest.mark.parametrize("command", [("features", "random:3"), ("export",)])
def test_random_weights_are_said_aloud(run, tmp_path, command):
    name, *images = command
    out = tmp_path / "a"
    code, _, err = run(name, "small28", *images, out)
    assert code == 2
    assert "small28 is a topology, whose weights are random" in err
    assert not out.exists()
    code, said, _ = run(name, "small28", *images, out, "--random-weights", "--json", tmp_path / "f")
    assert code == 0
    assert "random weights" in said
    assert json.loads((tmp_path / "f").read_text())["network_used"]["weights"] == "random"


def test_an_unknown_name(run):
    code, _, err = run("inspect", "fashion2")
    assert code == 2
    assert "no file and no network 'fashion2': do you mean fashion" in err


def test_a_cut_file_is_still_what_is_read(run, net):
    """An output of that name would replace the network itself."""
    before = net.read_bytes()
    code, _, err = run("export", f"{net}:1", net)
    assert code == 2
    assert str(net) in err
    assert net.read_bytes() == before


def test_upto_is_told_as_a_cut(run, net, tmp_path):
    arguments = ("features", net, "random:4", tmp_path / "a.npz", "--upto", 1)
    code, out, _ = run(*arguments, "--json", tmp_path / "figures")
    assert code == 0
    used = json.loads((tmp_path / "figures").read_text())["network_used"]
    assert used["id"] == FeatureFile.load(tmp_path / "a.npz").network_id
    assert used["layers"] == 1
    assert out.count("1 layers, ") == 1


def test_an_error_that_is_not_ours_is_one_line(run, monkeypatch):
    def fails(path):
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr(Network, "load", staticmethod(fails))
    code, _, err = run("inspect", "a.bnn")
    assert code == 70
    assert err.startswith("internal error: PermissionError: ")
    assert len(err.splitlines()) == 1
