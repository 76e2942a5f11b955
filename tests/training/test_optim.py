from __future__ import annotations

import pytest
import torch

from training.config import OptimConfig
from training.optim import adamw, learning_rate


def test_learning_rate_warms_up_and_falls_in_each_phase() -> None:
    optim = OptimConfig(epochs_branches=10, epochs_joint=20, learning_rate=1.0, warmup_epochs=2, final_rate=0.1)
    rates = [learning_rate(optim, step, 5) for step in range(150)]
    for phase in (rates[:50], rates[50:]):
        assert phase[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
        assert phase[9:] == sorted(phase[9:], reverse=True)
        assert phase[-1] == pytest.approx(0.1, abs=0.01)
    assert rates[10 + 20] == pytest.approx(0.55), "half way down the cosine"


def test_vectors_are_not_decayed() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    decay = {
        id(w): group["weight_decay"] for group in adamw(model, OptimConfig()).param_groups for w in group["params"]
    }
    assert [decay[id(weight)] for weight in model.parameters()] == [0.05, 0, 0, 0]
