"""Projections and heads of feature stores, here and by workers of this machine."""

import json

import numpy as np
import pytest
from stores import filled_store

from bitlight import FeatureStore, OpticalFeatures
from bitlight.heads import Head


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return filled_store(tmp_path_factory.mktemp("bits") / "store")[0]


def test_a_store_is_projected_and_a_head_trained_and_scored(run, tmp_path, store):
    out, like, head = (tmp_path / name for name in ("out", "like", "head"))
    assert run("project", store.path, out, "--components", 90, "--seed", 4)[0] == 0
    found = FeatureStore(out)
    optics = OpticalFeatures(90, "structured", random_state=4).fit(store[:])
    assert np.array_equal(found[:], optics.transform(store[:]))
    assert found.id != store.id
    found.drop(2)
    assert run("project", store.path, out, "--components", 90, "--seed", 4)[0] == 0
    assert not found.missing()
    assert run("project", store.path, like, "--like", out)[0] == 0
    assert FeatureStore(like).id == found.id

    figures = tmp_path / "f.json"
    options = ("--alpha", 100, "--balanced", "--json", figures)
    assert run("head", "train", out, head, *options)[0] == 0
    trained = json.loads(figures.read_text())
    assert (trained["images"], trained["features"], trained["classes"]) == (100, 90, 10)
    loaded = Head.load(head, found.manifest.network, found.manifest.projection)
    assert loaded.score(found[:], found.labels()) == trained["training_accuracy"]
    assert run("head", "score", head, like, "--json", figures)[0] == 0
    assert json.loads(figures.read_text())["accuracy"] == trained["training_accuracy"]
    code, _, err = run("head", "score", head, store.path)
    assert code == 2
    assert "was trained for the projection" in err


def test_workers_give_the_same(run, tmp_path, store):
    for name, dask in (("here", ()), ("there", ("--dask", "local:2"))):
        out, head = tmp_path / name, tmp_path / f"{name}.head"
        assert run("project", store.path, out, "--components", 90, *dask)[0] == 0
        assert run("head", "train", store.path, head, "--alpha", 100, *dask)[0] == 0
    here, there = (FeatureStore(tmp_path / name) for name in ("here", "there"))
    assert np.array_equal(here[:], there[:])
    assert (tmp_path / "here.head").read_bytes() == (tmp_path / "there.head").read_bytes()


def test_what_stores_refuse(run, tmp_path, store):
    out = tmp_path / "out"
    run("project", store.path, out, "--components", 9)
    for arguments, message in (
        (("project", out, "o", "--components", 9), "is a projection already"),
        (("project", store.path, out, "--components", 8), "is a store of other features"),
        (("project", store.path, "o", "--like", store.path), "is no projection"),
        (("project", store.path, "o", "--components", 9, "--dask", "local:x"), "like local:4"),
        (("project", store.path, "o", "--components", 9, "--dask", "foo"), "not 'foo'"),
        (("head", "train", store.path, "h", "--kind", "linear"), "stores are for ridge"),
        (("head", "train", __file__, "h", "--dask", "local"), "--dask is for stores"),
    ):
        code, _, err = run(*arguments)
        assert code == 2
        assert message in err
