import pytest
import torch

from bitlight_lab.benchmarks import gpu


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: make gpu-check")
def test_without_cuda_it_says_so(capsys, tmp_path):
    assert gpu.main(str(tmp_path / "gpu.json")) == 0
    assert capsys.readouterr().out == "no CUDA here: nothing was checked\n"
    assert not (tmp_path / "gpu.json").exists()


def test_what_differs_by_more_than_rounding_is_told():
    row = gpu._row("sums", {"cpu": 2.0, "cuda": 0.5}, 0.2, 0.1)
    assert not row["ok"]
    assert row["note"] == "difference 0.2 of at most 0.1, 4.0 times"
