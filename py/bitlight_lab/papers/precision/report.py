"""The table: accuracy, and training time split into features, projection and ridge."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bitlight_lab.papers import frame
from bitlight_lab.papers.intervals import bootstrap
from bitlight_lab.papers.journal import Found
from bitlight_lab.papers.markdown import percent, signed, table
from bitlight_lab.papers.pipeline import training_seconds

PARTS = ("features_s", "projection_s", "ridge_s")
MARGIN = 0.01


class Runs(frame.Runs):
    """The runs of one target."""

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Engines and precisions in the order of the runs."""
        found = ((run.parameters["engine"], run.parameters["precision"]) for run in self.found)
        return list(dict.fromkeys(found))

    def of(self, row: tuple[str, str]) -> list[dict[str, Any]]:
        """Results of the runs with these parameters, one for each seed."""
        return self.with_(engine=row[0], precision=row[1])

    def right(self, row: tuple[str, str]) -> np.ndarray:
        """Which test images were right, bool (seeds, images)."""
        return self.right_with(engine=row[0], precision=row[1])

    def mean(self, row: tuple[str, str], name: str) -> float:
        """Mean of a figure over the seeds of a row."""
        return float(np.mean([run[name] for run in self.of(row)]))


def by_target(found: Sequence[Found]) -> dict[str, Runs]:
    """The runs of each target."""
    return {
        name: Runs([run for run in found if run.parameters["target"] == name])
        for name in Runs(found).targets
    }


def parts(found: Sequence[Found]) -> Iterator[str]:
    """The table as Markdown."""
    for target, runs in by_target(found).items():
        first = runs.of(runs.rows[0])[0]
        sizes = f"{first['n_features']:,} features → {first['n_components']:,} components"
        yield f"## {target}, {first['train_images']:,} training images, {sizes}\n"
        columns = ["", "top 1, %", "less float32, points", "", "model, MB"]
        times = ["features, s", "projection, s", "ridge, s", "in all, s"]
        yield table([*columns, *times], list(_rows(runs)))
    yield (
        "In brackets: 95 % intervals, percentile bootstrap over test images and seeds; "
        "differences from the same engine's float32, in pairs. Times are of training. The article "
        "claims for int8: less than 1 point of accuracy lost, a quarter of the memory, half of "
        "the time of the convolutions; the figures of its table are not in its text.\n"
    )


def _rows(runs: Runs) -> Iterator[list[str]]:
    for row in runs.rows:
        engine, precision = row
        line = [f"{engine}, {precision}", percent(bootstrap(runs.right(row)))]
        if precision == "float32":
            line += ["", ""]
        else:
            interval = bootstrap(runs.right(row), runs.right((engine, "float32")))
            within = "within 1 point" if interval[0] >= -MARGIN else "more than 1 point lost"
            line += [signed(interval), within]
        line.append(f"{runs.mean(row, 'model_bytes') / 1e6:.1f}")
        line += [f"{runs.mean(row, part):.2f}" for part in PARTS]
        yield [*line, f"{np.mean([training_seconds(run) for run in runs.of(row)]):.2f}"]
