from __future__ import annotations

import pytest
import recipe
from fixtures_published import official

from training.models import build


@pytest.mark.parametrize(("name", "fixture"), [("mvit_v2_s", "mvit_v2_s"), ("hdgcn", "hdgcn_coco")])
def test_the_recipe_gives_the_published_numbers(name: str, fixture: str) -> None:
    known = official(fixture)
    shapes = {
        k: v.shape for k, v in build(name, classes=known["classes"]).state_dict().items() if v.is_floating_point()
    }
    check = known["recipe_check"]
    for key, values in check["samples"].items():
        assert recipe.weight(key, shapes[key]).ravel()[: len(values)] == pytest.approx(values), key
    filled = [key for key in shapes if key not in known["kept"]]
    total = sum(float(recipe.weight(key, shapes[key]).sum(dtype="float64")) for key in filled)
    assert total == pytest.approx(check["sum_of_all_recipe_weights_float64"], rel=1e-9)
