from __future__ import annotations

import json

import pytest
import recipe
from fixtures_published import FOLDER, published


@pytest.mark.parametrize("name", ["mvit_v2_s", "hdgcn_coco"])
def test_the_recipe_gives_the_published_numbers(name: str) -> None:
    official = published(name)
    check = json.loads((FOLDER / "recipe_check.json").read_text())[name]
    for key, values in check["samples"].items():
        assert recipe.weight(key, official.keys[key][0]).ravel()[: len(values)] == pytest.approx(values), key
    filled = [k for k, (_, dtype) in official.keys.items() if dtype == "float32" and k not in official.meta["kept"]]
    total = sum(float(recipe.weight(key, official.keys[key][0]).sum(dtype="float64")) for key in filled)
    assert total == pytest.approx(check["sum_of_all_recipe_weights_float64"], rel=1e-9)
