import pytest
import torch
from click.testing import CliRunner
from datasets import fashion_mnist_or_skip

from bitlight import FreezingError, Network, pretrain

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


@pytest.fixture
def small(monkeypatch):
    """The recipe on the first few images, without the transfer."""

    def few(split):
        images, labels = fashion_mnist_or_skip(split)
        return images[:256], labels[:256]

    monkeypatch.setattr(pretrain, "fashion_mnist", few)
    monkeypatch.setattr(pretrain, "animals_accuracy", lambda features: 0.5)


def test_writes_a_network_and_tells_of_it(small, tmp_path):
    out = tmp_path / "new.bnn"
    result = CliRunner().invoke(
        pretrain.main, ["--out", str(out), "--epochs", "1", "--seed", "3"], catch_exceptions=False
    )
    net = Network.load(out)
    assert net.output_shape == (10,)
    assert net.id in result.stdout
    assert "animals, ridge,  2400 features  50.00%" in result.stdout


def test_writes_nothing_that_differs_from_torch(small, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "count_differences", lambda *_: [0, 1, 0])
    with pytest.raises(FreezingError, match="frozen and torch differ"):
        pretrain.pretrain(tmp_path / "new.bnn", epochs=1)
    assert not list(tmp_path.iterdir())
