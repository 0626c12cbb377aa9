"""MoveNet SinglePose Thunder's published numbers, from the graph model of TensorFlow.js, in our names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import WeightsError
from core.nets.movenet import BLOCKS, L_EAR, L_SHOULDER, MoveNetTrunk, SameConv, Separable
from training.pretrained.tfjs_graph import Array, read_tfjs

Arrays = Mapping[str, Array]

GRAPH = "StatefulPartitionedCall/"
PYRAMID = GRAPH + "center_net_mobile_net_v2fpn_feature_extractor/model_1/"
MOBILE = PYRAMID + "model/"
TELLTALE = GRAPH + "kpt_heatmap_0/conv2d_5/Conv2D/ReadVariableOp"


def movenet_state(file: Path) -> dict[str, Tensor]:
    """The trunk and the heatmaps as a network of preset `base` names them.

    Neck and Head, which MoveNet does not have, start from the shoulders' and the ears' rows.

    Raises:
        WeightsError: the file is no MoveNet SinglePose Thunder, or incomplete.
    """
    graph = read_tfjs(file).weights
    if TELLTALE not in graph:
        raise WeightsError(f"{file}: no {TELLTALE} in it, so not MoveNet's graph; check --from.")
    trunk = MoveNetTrunk()
    try:
        _fill_trunk(trunk, graph)
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{file}: not MoveNet SinglePose Thunder, whose parts we know ({error}); give movenet-thunder.json."
        ) from error
    weight, bias = trunk.heat_out.weight.detach(), trunk.heat_out.bias
    assert bias is not None
    rows = [slice(L_SHOULDER, L_SHOULDER + 2), slice(L_EAR, L_EAR + 2)]
    head = {
        "own.weight": weight,
        "own.bias": bias.detach(),
        "more.weight": torch.stack([weight[pair].mean(0) for pair in rows]),
        "more.bias": torch.stack([bias.detach()[pair].mean() for pair in rows]),
    }
    state = {f"backbone.trunk.{name}": value.detach() for name, value in trunk.state_dict().items()}
    return state | {f"heatmap_head.{name}": value for name, value in head.items()}


def _fill_trunk(trunk: MoveNetTrunk, graph: Arrays) -> None:
    _fill_folded(trunk.stem, graph, MOBILE + "Conv1")
    for number in range(len(BLOCKS)):
        block: Any = trunk.blocks[number]
        name = MOBILE + ("expanded_conv" if number == 0 else f"block_{number}")
        if block.expand is not None:
            _fill_folded(block.expand, graph, name + "_expand")
        _fill_folded(block.depthwise, graph, name + "_depthwise", "depthwise")
        _fill_folded(block.project, graph, name + "_project")
    _fill_folded(trunk.last, graph, MOBILE + "Conv_1")
    for number, part in enumerate((trunk.from32, trunk.from16, trunk.from8, trunk.from4)):
        _fill_plain(part, graph, PYRAMID + ("conv2d" if number == 0 else f"conv2d_{number}"))
    for number, separable in enumerate((trunk.sep16, trunk.sep8, trunk.sep4)):
        name = PYRAMID + ("separable_conv2d" if number == 0 else f"separable_conv2d_{number}")
        _fill(separable.depthwise, graph[name + "/separable_conv2d/ReadVariableOp"], None)
        _fill(separable.point, graph[name + "/separable_conv2d_weights"], graph[name + "/separable_conv2d_bn_offset"])
    _fill_head(trunk.centre, trunk.centre_out, graph, GRAPH + "center_0/", 3)
    _fill_head(trunk.heat, trunk.heat_out, graph, GRAPH + "kpt_heatmap_0/", 4)
    _fill_head(trunk.regress, trunk.regress_out, graph, GRAPH + "kpt_regress_0/", 5)


def _fill_head(hidden: Separable, out: SameConv, graph: Arrays, name: str, number: int) -> None:
    separable = f"{name}separable_conv2d_{number}/"
    _fill(hidden.depthwise, graph[separable + "separable_conv2d/ReadVariableOp"], None)
    _fill(
        hidden.point,
        graph[separable + "separable_conv2d/ReadVariableOp_1"],
        graph[separable + "BiasAdd/ReadVariableOp"],
    )
    _fill_plain(out, graph, f"{name}conv2d_{number + 1}")


def _fill_folded(part: SameConv, graph: Arrays, name: str, kind: str = "Conv2D") -> None:
    """A convolution into which a BatchNorm was folded."""
    _fill(part, graph[f"{name}/{kind}_weights"], graph[f"{name}/{kind}_bn_offset"])


def _fill_plain(part: SameConv, graph: Arrays, name: str) -> None:
    _fill(part, graph[name + "/Conv2D/ReadVariableOp"], graph[name + "/BiasAdd/ReadVariableOp"])


@torch.no_grad()
def _fill(part: SameConv, weight: Array, bias: Array | None) -> None:
    """TensorFlow's (h, w, in, out), or (h, w, channels, 1) of one filter a channel, into torch's order."""
    ordered = weight.transpose(2, 3, 0, 1) if part.groups > 1 else weight.transpose(3, 2, 0, 1)
    if ordered.shape != tuple(part.weight.shape):
        raise ValueError(f"expected a kernel {tuple(part.weight.shape)}, got {ordered.shape}")
    part.weight.copy_(torch.from_numpy(ordered.copy()))
    if bias is not None and part.bias is not None:
        part.bias.copy_(torch.from_numpy(bias.copy()))
