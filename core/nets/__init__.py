"""The networks in torch: PCT's pose tokens, FastMETRO's and PostoMETRO's mesh regressors, a small one.

In:    crops (B, 3, S, S) as a tensor, and a `NetConfig`.
Out:   pose tokens, 431 coarse vertices, joints, weak camera; for training also logits and dense heads.
Read:  `config.py` first (what can be chosen), then `network.py` (how the parts stand together), then any part by name.
Uses:  geometry.

One idea a file, named for it. Besides `inference/torch_runtime.py` this is the only room that may import torch;
people who run ONNX never load it. `deploy.py` is the network as it is exported, `folding.py` makes it quick.
"""

from .config import (
    PRESETS,
    ROTATION_PRESETS,
    ClassifierConfig,
    NetConfig,
    QuantiserConfig,
    RotationHeadConfig,
    TokenizerConfig,
    TransformerConfig,
    preset,
)
from .deploy import DeployedBones, DeployedNetwork, DeployedOutput, output_names
from .folding import fold
from .heatmaps import cell_centres, global_soft_argmax, read_heatmaps
from .network import (
    NetOutput,
    Network,
    PoseReading,
    body_template,
    build_backbone,
    build_network,
    network_for_body,
)
from .pose_tokenizer import PoseTokenizer, TokenizerOutput, joint_loss
from .postometro import project
from .pretrain_heads import FACING_BINS, PART_CLASSES, PretrainHeads, PretrainOutput

__all__ = [
    "FACING_BINS",
    "PART_CLASSES",
    "PRESETS",
    "ROTATION_PRESETS",
    "ClassifierConfig",
    "DeployedBones",
    "DeployedNetwork",
    "DeployedOutput",
    "NetConfig",
    "NetOutput",
    "Network",
    "PoseReading",
    "PoseTokenizer",
    "PretrainHeads",
    "PretrainOutput",
    "QuantiserConfig",
    "RotationHeadConfig",
    "TokenizerConfig",
    "TokenizerOutput",
    "TransformerConfig",
    "body_template",
    "build_backbone",
    "build_network",
    "cell_centres",
    "fold",
    "global_soft_argmax",
    "joint_loss",
    "network_for_body",
    "output_names",
    "preset",
    "project",
    "read_heatmaps",
]
