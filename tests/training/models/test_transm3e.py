from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from gradients import backward, prefixes, without_gradient
from scipy.stats import entropy
from torch import Tensor, nn

from pipeline.errors import UserError
from training.models import Output, build
from training.models.fusion import FUSIONS, MCTF, fusion
from training.models.transm3e import PAPER, TransM3EConfig, distillation_loss, distillation_sites

TOKENS = {"tokens": 4, "distillation_tokens": 4}


def model_of(**options: object) -> nn.Module:
    torch.manual_seed(0)
    return build("transm3e_tiny", **(TOKENS | options)).eval()


@pytest.fixture(scope="module")
def clips() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {"rgb": torch.randn(3, 3, 8, 64, 64), "skeleton": torch.randn(3, 3, 16, 17, 1)}


def weights(model: nn.Module) -> set[str]:
    """Names of the parameters but biases, which batch norm may take out again."""
    return {name for name, _ in model.named_parameters() if not name.endswith("bias")}


def at_rest(model: nn.Module) -> set[str]:
    return without_gradient(model) & weights(model)


OF_LAST_PATCHES = {f"video.blocks.4.attn.{name}" for name in ("pool_q.weight", "rel_pos_h", "rel_pos_w", "rel_pos_t")}
"""In the last block these reach its patches alone, and only tokens are classified."""


def total(logits: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([x.square().sum() for x in logits.values()]).sum()


def test_size_is_the_paper_s() -> None:
    with torch.device("meta"):
        model = build("transm3e")
    assert sum(weight.numel() for weight in model.parameters()) / 1e6 == pytest.approx(55.4, abs=0.1)


def test_distillation_follows_each_reduction_of_the_video() -> None:
    """Section 4.3: three of them in MViTv2-S, of widths 192, 384 and 768; N_B = 3."""
    sites = distillation_sites(PAPER)
    assert [video for video, _ in sites] == [1, 3, 14]
    assert [PAPER.video.widths[video] for video, _ in sites] == [192, 384, 768]
    assert [PAPER.skeleton.widths[skeleton] for _, skeleton in sites] == [64, 128, 256]
    every = distillation_sites(TransM3EConfig(distillation="DE"))
    assert [video for video, _ in every] == list(range(16))
    assert [s for _, s in every] == sorted(s for _, s in every) and every[-1] == (15, 9)
    assert distillation_sites(TransM3EConfig(distillation="FL")) == ((15, 9),)
    assert distillation_sites(TransM3EConfig(distillation="none")) == ()


def test_shapes(clips: dict[str, Tensor]) -> None:
    model = model_of()
    output: Output = model(clips)
    assert set(model.modalities) == set(output.logits) == {"rgb", "skeleton"}
    for branch in output.logits:
        assert output.logits[branch].shape == (3, 20)
        assert output.features[branch].shape == (3, 128)
    assert output.features["rgb.map"].shape == (3, 128, 4, 1, 1)
    assert output.features["skeleton.map"].shape == (3, 64, 4, 17, 1)
    assert output.distillation is not None and output.distillation.shape == () and output.distillation > 0


@pytest.mark.parametrize("options", [{}, {"distillation_tokens": 1}, {"distillation": "DE", "direction": "both"}])
def test_every_parameter_learns_in_the_second_phase(options: dict, clips: dict[str, Tensor]) -> None:
    model = model_of(**options).train()
    output = model(clips)
    assert output.distillation is not None
    backward(model, total(output.logits) + output.distillation)
    assert at_rest(model) == OF_LAST_PATCHES


def test_in_the_first_phase_the_branches_learn_alone(clips: dict[str, Tensor]) -> None:
    """Distillation tokens, their maps and the fusion rest; each branch's loss moves that branch alone."""
    model = model_of()
    output = model(clips, joint=False)
    assert output.distillation is None
    backward(model, total(output.logits))
    resting = at_rest(model) - OF_LAST_PATCHES
    assert resting == {name for name in weights(model) if "distillation" in name or "fusion" in name}
    for branch, module in (("rgb", "video"), ("skeleton", "auxiliary")):
        backward(model, total({branch: output.logits[branch]}))
        learning = {name for name, _ in model.named_parameters()} - without_gradient(model)
        assert prefixes(learning) == {module}


@pytest.mark.parametrize(
    ("direction", "learners"),
    [("video", {"video"}), ("auxiliary", {"auxiliary"}), ("both", {"video", "auxiliary"})],
)
def test_distillation_moves_who_learns(direction: str, learners: set[str], clips: dict[str, Tensor]) -> None:
    """By default the video's distillation tokens learn from the skeleton's, which stay where they are."""
    model = model_of(direction=direction)
    backward(model, model(clips).distillation)
    learning = {name for name, _ in model.named_parameters()} - without_gradient(model)
    assert prefixes(learning) == {*learners, "distillation_maps"}
    assert not any("fusion" in name or "head" in name for name in learning)
    for branch, early in (("video", "blocks.0.attn.qkv.weight"), ("auxiliary", "backbone.l1.gcn1.PA")):
        assert ({f"{branch}.distillation_token", f"{branch}.{early}"} <= learning) == (branch in learners)


def test_without_distillation_there_is_no_such_loss_and_the_prediction_is_the_same(clips: dict[str, Tensor]) -> None:
    with_it, without = model_of(), model_of(distillation="none")
    own = without.state_dict()
    left_out = [key for key in with_it.state_dict() if key not in own]
    assert prefixes(set(left_out)) == {"distillation_maps"}
    without.load_state_dict({key: value for key, value in with_it.state_dict().items() if key in own})
    first, second = with_it(clips), without(clips)
    assert first.distillation is not None and second.distillation is None
    assert all(torch.equal(first.logits[branch], second.logits[branch]) for branch in first.logits)


def test_distillation_falls_as_the_receiver_learns(clips: dict[str, Tensor]) -> None:
    model = model_of().train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        loss = model(clips).distillation
        losses.append(loss.item())
        backward(model, loss)
        optimizer.step()
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize(("axis", "dim"), [("channel", 2), ("token", 1)])
def test_distillation_loss_is_the_divergence_of_the_receiver_from_the_sender(axis: str, dim: int) -> None:
    torch.manual_seed(0)
    receiver, sender = torch.randn(2, 3, 5), torch.randn(2, 3, 5)
    heard, told = (np.exp(x.numpy() / 2) for x in (receiver, sender))
    by_scipy = entropy(told, heard, axis=dim).mean() * 4  # KL(sender ‖ receiver), both normalised by scipy
    assert distillation_loss(receiver, sender, axis, 2.0).item() == pytest.approx(by_scipy, rel=1e-5)
    assert distillation_loss(sender, sender, axis, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_fusion_by_hand() -> None:
    """Equations 5 to 11, clip by clip in NumPy."""
    torch.manual_seed(0)
    mctf = MCTF(6, 0.7, dropout=0.1).eval()
    for weight in mctf.parameters():
        nn.init.normal_(weight, std=0.5)
    m, r = torch.randn(2, 4, 6), torch.randn(2, 4, 6)
    weights = {key: value.double().numpy() for key, value in mctf.state_dict().items()}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        centred = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return centred * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        score = np.exp(0.7 * q @ k.T)
        return score / score.sum(axis=1, keepdims=True) @ v

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * np.vectorize(lambda value: (1 + math.erf(value / math.sqrt(2))) / 2)(x)

    for clip in range(2):
        cls_m, cls_r = m[clip].double().numpy(), r[clip].double().numpy()
        qm, km, vm = np.split(linear("qkv_m", norm("norm_m", cls_m)), 3, axis=1)
        qr, kr, vr = np.split(linear("qkv_r", norm("norm_r", cls_r)), 3, axis=1)
        a_m = linear("out_m.mm", attention(qm, km, vm)) + linear("out_m.mr", attention(qm, kr, vm))
        a_m += linear("out_m.rm", attention(qr, km, vm))
        a_r = linear("out_r.rr", attention(qr, kr, vr)) + linear("out_r.rm", attention(qr, km, vr))
        a_r += linear("out_r.mr", attention(qm, kr, vr))
        cls_a = (cls_m + cls_r) / 2
        fused = cls_a + linear("proj", np.concatenate((a_m, a_r), axis=1))
        expected = cls_a + linear("mlp.fc2", gelu(linear("mlp.fc1", norm("norm_f", fused))))
        assert mctf(m, r)[clip].detach().numpy() == pytest.approx(expected, abs=1e-4)


def test_fusion_lets_distillation_tokens_into_the_prediction(clips: dict[str, Tensor]) -> None:
    """Of a branch's own two sets of tokens: it still runs without the other modality."""
    model = model_of()
    names = [name for name, _ in model.named_parameters() if name.startswith("video_fusion")]
    assert names and "video_fusion.out_m.mr.weight" in names
    before = model(clips).logits
    model.auxiliary.distillation_token.data.normal_()
    after = model(clips).logits
    assert not torch.allclose(before["skeleton"], after["skeleton"], atol=1e-4)
    assert torch.equal(before["rgb"], after["rgb"])
    fused, plain = model(clips), model_of(fusion="none")(clips)
    assert not torch.allclose(fused.logits["rgb"], plain.logits["rgb"], atol=1e-4)


@pytest.mark.parametrize("name", [name for name in FUSIONS if name != "none"])
def test_every_fusion_joins_both_sets_clip_by_clip(name: str) -> None:
    torch.manual_seed(0)
    m, r = torch.randn(2, 4, 8), torch.randn(2, 4, 8)
    joins = fusion(name, 8, 0.5, 0.0)
    assert joins is not None
    joined = joins(m, r)
    assert joined.shape == (2, 4, 8) and torch.allclose(joins(m[1:], r[1:]), joined[1:], atol=1e-6)
    assert not torch.allclose(joins(m + torch.randn(2, 4, 8), r), joined)
    assert not torch.allclose(joins(m, r + torch.randn(2, 4, 8)), joined)
    assert {"sum": torch.equal(joined, m + r), "multiplication": torch.equal(joined, m * r)}.get(name, True)


@pytest.mark.parametrize(("name", "asked"), [("self-attention", "both"), ("cross-attention", "r")])
def test_attention_is_pytorch_s(name: str, asked: str) -> None:
    """The attention step by nn.MultiheadAttention with the same weights; the MLP is put out."""
    torch.manual_seed(0)
    block = fusion(name, 8, 8**-0.5, 0.0).block  # type: ignore[union-attr]
    nn.init.zeros_(block.mlp.fc2.weight)
    for layer in (block.query, block.key_value, block.proj):
        nn.init.normal_(layer.weight)
    theirs = nn.MultiheadAttention(8, 1, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": torch.cat((block.query.weight, block.key_value.weight)),
            "in_proj_bias": torch.cat((block.query.bias, block.key_value.bias)),
            "out_proj.weight": block.proj.weight,
            "out_proj.bias": block.proj.bias,
        }
    )
    m, r = torch.randn(2, 4, 8), torch.randn(2, 4, 8)
    sequence = {"both": torch.cat((m, r), dim=1), "r": r}[asked]
    normed = [nn.functional.layer_norm(x, (8,), eps=1e-6) for x in (m, sequence)]
    expected = m + theirs(normed[0], normed[1], normed[1])[0]
    assert torch.allclose(block(m, sequence), expected, atol=1e-5)


@pytest.mark.parametrize("modality", ["rgbdiff", "flow"])
def test_the_second_modality_may_be_a_video(modality: str) -> None:
    model = model_of(auxiliary=modality)
    channels = {"rgbdiff": 3, "flow": 2}[modality]
    inputs = {"rgb": torch.randn(2, 3, 8, 64, 64), modality: torch.randn(2, channels, 8, 64, 64)}
    output = model(inputs)
    assert model.modalities == ("rgb", modality) and set(output.logits) == {"rgb", modality}
    assert model.sites == ((1, 1), (2, 2), (4, 4))
    learning = model_of(auxiliary=modality)
    backward(learning, learning(inputs).distillation)
    assert prefixes({name for name, _ in learning.named_parameters()} - without_gradient(learning)) == {
        "video",
        "distillation_maps",
    }


@pytest.mark.parametrize("late", ["sum", "multiplication", "concatenation"])
def test_late_fusion_classifies_the_joined_features(late: str, clips: dict[str, Tensor]) -> None:
    model = model_of(tokens=1, distillation_tokens=1, distillation="none", fusion="none", late=late)
    output = model(clips)
    video, skeleton = (output.features[name] for name in ("rgb", "skeleton"))
    joined = {
        "sum": video + skeleton,
        "multiplication": video * skeleton,
        "concatenation": torch.cat((video, skeleton), dim=1),
    }[late]
    layer = model.joined_head.projection
    assert list(output.logits) == ["joined"]
    assert torch.allclose(output.logits["joined"], joined @ layer.weight.T + layer.bias, atol=1e-5)
    assert set(model(clips, joint=False).logits) == {"rgb", "skeleton"}
    alone = model({"skeleton": clips["skeleton"]}).logits["joined"]
    assert alone.shape == (3, 20) and not torch.allclose(alone, output.logits["joined"])


def test_skeleton_tokens_see_the_clip(clips: dict[str, Tensor]) -> None:
    """Eq. 3 lets nodes into the tokens: a sender that told the same of every clip would teach nothing."""
    model = model_of()
    tokens = model.auxiliary.trunk(clips["skeleton"], distil=True).tokens
    assert [block.shape for block in tokens] == [(3, 8, width) for width in (16, 16, 32, 64)]
    senders = tokens[-1][:, 4:]
    assert (senders[0] - senders[1]).abs().max() > 1e-4


@pytest.mark.parametrize("branch", ["rgb", "skeleton"])
def test_one_modality_gives_its_branch_alone(branch: str, clips: dict[str, Tensor]) -> None:
    model = model_of()
    alone = model({branch: clips[branch]})
    assert list(alone.logits) == [branch] and alone.distillation is None
    assert torch.allclose(alone.logits[branch], model(clips).logits[branch], atol=1e-5)


def test_half_precision_is_close_and_learns(clips: dict[str, Tensor]) -> None:
    """As on a GPU, where bf16-mixed is the default."""
    model = model_of()
    whole = model(clips)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(clips)
    for branch, logits in whole.logits.items():
        assert (half.logits[branch].float() - logits).abs().max() < 0.05 * logits.abs().max()
    assert half.distillation.item() == pytest.approx(whole.distillation.item(), rel=0.1)
    backward(model, total(half.logits) + half.distillation)
    assert at_rest(model) == OF_LAST_PATCHES


def test_compiled_without_a_graph_break_is_equal_in_training(clips: dict[str, Tensor]) -> None:
    model = model_of().train()
    outputs = []
    for network in (model, torch.compile(model, fullgraph=True, backend="eager")):
        torch.manual_seed(2)
        outputs.append(network(clips))
    plain, compiled = outputs
    assert torch.allclose(compiled.distillation, plain.distillation, atol=1e-5)
    for branch, logits in plain.logits.items():
        assert torch.allclose(compiled.logits[branch], logits, atol=1e-5), branch


def test_more_tokens_than_one_is_mct(clips: dict[str, Tensor]) -> None:
    one = model_of(tokens=1, distillation_tokens=1)
    assert one(clips).logits["rgb"].shape == (3, 20)
    assert one.video.cls_token.shape == (1, 1, 16) and one.auxiliary.cls_token.shape == (1, 1, 16)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"distillation": "SE"}, "distillation must be one of SP, DE, FL, none, not 'SE'"),
        ({"axis": "time"}, "axis must be one of"),
        ({"fusion": "sum3"}, "fusion must be one of"),
        ({"direction": "sender"}, "direction must be one of"),
        ({"late": "mean"}, "late must be one of"),
        ({"auxiliary": "depth"}, "auxiliary must be one of"),
        ({"auxiliary": "rgb"}, "auxiliary and video.modality are both rgb"),
        ({"distillation_tokens": 3}, "must be 1 or as many as tokens"),
        ({"axis": "token", "distillation_tokens": 1}, "one token says nothing"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"video": {"depht": 3}}, "unknown model option video.depht"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        model_of(**options)
