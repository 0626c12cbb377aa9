"""NanoDet's published graph in our network, and as a detector's folder."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from core.errors import WeightsError
from core.nets.nanodet import BINS, NanoDet
from training.pretrained.tfjs_graph import Array, TfjsGraph, read_tfjs

CLASSES, PERSON = 80, 0
KEPT = [PERSON, *range(CLASSES, CLASSES + 4 * BINS)]
"""Of a head's channels: people's score and the distances."""
CONVOLUTION = re.compile(r"PartitionedCall/convolution(?:_(\d+))?")


def read_nanodet(file: Path) -> NanoDet:
    """The network with the weights of a published graph, ready to answer.

    Raises:
        WeightsError: the file is another network's.
    """
    graph, network = read_tfjs(file), NanoDet()
    ours, theirs = network.convolutions(), _convolutions(graph)
    if len(ours) != len(theirs):
        raise WeightsError(f"{file}: {len(theirs)} convolutions, not NanoDet-g's {len(ours)}; check the file.")
    for number, (convolution, (weight, bias)) in enumerate(zip(ours, theirs, strict=True)):
        if weight.shape != tuple(convolution.weight.shape):
            raise WeightsError(
                f"{file}: convolution {number} has weights {weight.shape}, not {tuple(convolution.weight.shape)}; "
                "check the file."
            )
        with torch.no_grad():
            convolution.weight.copy_(torch.from_numpy(weight))
            assert convolution.bias is not None
            convolution.bias.copy_(torch.from_numpy(bias))
    return network.eval()


def _convolutions(graph: TfjsGraph) -> list[tuple[Array, Array]]:
    """Weights (out, in, h, w) and biases of the convolutions in the order of their numbers, heads' as far as kept."""
    added = {
        graph.nodes[name]["input"][0]: graph.nodes[name]["input"][1]
        for name in graph.operations("Add")
        if len(graph.nodes[name]["input"]) == 2
    }
    found = []
    for name in graph.operations("Conv2D"):
        named = CONVOLUTION.fullmatch(name)
        weight = graph.weights.get(graph.nodes[name]["input"][1])
        bias = graph.weights.get(added.get(name, ""))
        if named is None or weight is None or bias is None:
            raise WeightsError(f"{graph.file}: {name} is not a convolution of NanoDet-g; check the file.")
        kept = KEPT if len(bias) == CLASSES + 4 * BINS else slice(None)
        found.append((int(named[1] or 0), np.ascontiguousarray(weight.transpose(3, 2, 0, 1)[kept]), bias[kept]))
    return [(weight, bias) for _, weight, bias in sorted(found, key=lambda each: each[0])]
