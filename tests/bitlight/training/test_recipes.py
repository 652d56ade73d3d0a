import itertools

import pytest

from bitlight import TrainingError
from bitlight.training import RECIPES, Recipe


def test_cosine_warms_up_and_ends_at_zero():
    recipe = Recipe(learning_rate=1)
    rates = [recipe.learning_rate_at(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == rates[4] > 0.99
    assert all(a > b for a, b in itertools.pairwise(rates[4:]))
    assert rates[100] == 0


def test_steps_fall_by_ten():
    recipe = Recipe(learning_rate=2, schedule="step")
    rates = [recipe.learning_rate_at(step, 100) for step in (10, 49, 50, 75, 90, 99)]
    assert rates == pytest.approx([2, 2, 0.2, 0.02, 0.002, 0.002])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 to inf, not 0"),
        ({"label_smoothing": 1.5}, "label_smoothing must be 0 to 1, not 1.5"),
        ({"schedule": "linear"}, "schedule must be one of cosine, step, not 'linear'"),
        ({"precision": "int8"}, "precision must be one of float32, bfloat16, float16"),
        ({"epochs": 3, "fine_tune": 4}, "fine_tune must be 0 to 3, not 4"),
        ({"batch_size": 128, "accumulate": 3}, "accumulate must divide the batch of 128, not 3"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(TrainingError, match=message):
        Recipe(**values)


def test_every_recipe_is_of_a_topology():
    from bitlight.zoo.topologies import TOPOLOGIES

    assert set(RECIPES) <= set(TOPOLOGIES)


def test_recipes_of_before_are_the_same_still():
    before = {k: v for k, v in vars(Recipe()).items() if k not in ("cutout", "weight_decay")}
    assert Recipe().differences(before) == []
    assert Recipe(cutout=4).differences(before) == ["cutout: 0, not 4"]
