"""The README of a weights bundle: how it was trained, what it scores, what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from training.evaluate.report import SetScores
from training.trainer.run_log import first_line, read_events

SHOWN = (
    ("hard_mpjpe_joints_mesh", "MPJPE, mesh"),
    ("hard_pa_joints_mesh", "PA, mesh"),
    ("hard_mpjpe_joints", "MPJPE, direct head"),
    ("hard_pa_joints", "PA, direct head"),
    ("hard_left_right_joints", "left-right"),
    ("hard_facing_joints", "facing"),
    ("hard_pck_points_tokens", "PCK, tokens"),
    ("hard_pck_points", "PCK, heatmaps"),
    ("lspet_pck_points", "photographs' PCK, heatmaps"),
    ("error_percent_of_box", "error, % of box"),
    ("perplexity", "perplexity"),
    ("tokens_right_percent", "tokens right, %"),
    ("validation_mpvpe", "validation MPVPE"),
    ("validation_mpjpe", "validation MPJPE"),
    ("validation_pa_mpjpe", "validation PA"),
    ("joint_error_mm", "posed joints, mm"),
    ("clear_geodesic_deg", "bones in the clear, degrees"),
    ("object-occluded_geodesic_deg", "behind things"),
    ("person-occluded_geodesic_deg", "behind people"),
)
STAGES = {"papertokenizer": "paper-tokenizer", "paperclassifier": "paper-classifier", "papermesh": "paper-mesh"}
"""Commands whose name in a log is another."""
CURVE_POINTS = 8
UNTOLD = ("output", "resume", "log_steps", "checkpoint_minutes", "evaluate_minutes", "init")

OPEN = "Trained on rendered people alone; no photograph was learned from."
ON_MOVENET = (
    "The features are those of Google's MoveNet Thunder (Apache-2.0), which learned from photographs of people: COCO's "
    "keypoints and Google's own. They were left as they are; what stands on them learned from rendered people alone."
)
RESEARCH = "Trained on rendered people and on photographs that may serve research alone: so may these weights."
PUBLISHED = "Trained on published sets that may serve research alone: so may these weights."
OWN_RENDERS = "training/pictures"

PROTOCOLS = ("METRO", "SPIN")

TRAINED = "## How it was trained\n"
CARD = """# {name}

Weights of preset `{preset}` for {input_size} px crops: pose tokens, joints, 431 coarse vertices and a camera from a
picture of a person (PostoMETRO, WACV 2025). For the body `{body_name}` (digest `{body_short}`).
**Licence: {licence}; commercial use: {commercial}.** {learned}

| file | what |
|---|---|
| `model.onnx` | {numbers}, any batch: `image` (B, 3, {input_size}, {input_size}) in, nine named arrays out |
| `model.safetensors` | the same numbers as float16, for torch |
| `config.json` | sizes, normalisation, body, scores, sha256 of every file |

## Scores
{scores}

## Learned from
{sources}

## How it was trained
{stages}
Random numbers are functions of (seed, process, step). Columns are scores of the averaged weights during the
training, on 320 rendered people (the hardest set, `rendered-hard`) and 200 photographs of LSPET; left-right is the
share of people whose left and right come out the right way round (chance .5), facing the share within 45 degrees.

## Limits
- One person a crop; a second person near the middle confuses it{in_front}.
- {unseen}furniture that people sit on, crowds, children, or animals.
- Rare poses (upside down, rolled up) and strong occlusion: expect wrong limbs; the confidences say so only partly.
- Hands and faces have no pose of their own. Feet and head orientation are coarse at this resolution.
- Lengths are those of the rendered adults (1.5 to 2 m); the scale along the line of sight is a guess.
"""


def model_card(run: Path, config: Mapping[str, Any], averaged: tuple[Path, float] | None = None) -> str:
    """The card's text.

    Args:
        run: whose weights they are; the runs that it started from are told as well, while they exist.
        config: config.json's content.
        averaged: bundle whose weights count too, and its share; how it was trained is told first.
    """
    stages = [told_stage(each) for each in lineage(run)]
    if averaged is not None:
        bundle, share = averaged
        mean = f"### Mean\n\n{share:.2f} of the weights before {run.name} and {1 - share:.2f} of those after it.\n"
        stages = [_told_before(bundle), *stages, mean]
    tables = [SetScores.from_dict(name, values).markdown() for name, values in config["scores"].items()]
    tables += [protocol_table(each) for each in config.get("protocol_scores", [])]
    told = "\n\n".join(tables) if tables else "Not measured. `python -m training.evaluate` measures them."
    sources = "\n".join(f"- {d['name']}. {d['licence']}. {d['credit']}" for d in config["training_data"])
    return CARD.format(
        name=config["name"],
        preset=config["preset"],
        input_size=config["input_size"],
        body_name=config["body_name"],
        body_short=config["body_digest"][:12],
        licence=config["licence"],
        commercial="yes" if config["commercial_use"] else "NO",
        learned=_learned(config),
        in_front=", and of two, one before the other, it reads the one in front" if _stands_on_movenet(config) else "",
        unseen=_unseen(config),
        numbers="float32, float16 where that holds a number exactly" if _stands_on_movenet(config) else "float32",
        scores=told,
        sources=sources,
        stages="\n".join(stages),
    )


def _learned(config: Mapping[str, Any]) -> str:
    """What the weights learned from, in a sentence."""
    if config["commercial_use"]:
        return ON_MOVENET if _stands_on_movenet(config) else OPEN
    return RESEARCH if any(OWN_RENDERS in each["name"] for each in config["training_data"]) else PUBLISHED


def _unseen(config: Mapping[str, Any]) -> str:
    if not config["commercial_use"]:
        return "Never saw "
    return ("All but the features never saw " if _stands_on_movenet(config) else "Never saw ") + "a photograph, "


def _stands_on_movenet(config: Mapping[str, Any]) -> bool:
    return bool(config["network"]["backbone"] == "movenet")


def protocol_table(result: Mapping[str, Any]) -> str:
    """Scores of `training.evaluate_paper`, the two protocols in rows of their own."""
    lines = [f"Weights: {result['chosen']}. Joints by {result['regressor']}. Millimetres.", "",
             "| set | protocol | people | MPVPE | MPJPE | PA-MPJPE |", "|---" * 6 + "|"]  # fmt: skip
    for name, of_set in result["scores"].items():
        for protocol in (key for key in PROTOCOLS if key in of_set):
            found = of_set[protocol]
            numbers = ("-" if found[key] is None else f"{found[key]:.1f}" for key in ("mpvpe", "mpjpe", "pa_mpjpe"))
            lines.append(f"| {name} | {protocol} | {found['people']} | " + " | ".join(numbers) + " |")
    return "\n".join(lines)


def _told_before(bundle: Path) -> str:
    """What an older bundle's card says of its training."""
    card = bundle / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    return text.partition(TRAINED)[2].partition("Random numbers are functions")[0].strip("\n") + "\n"


def lineage(run: Path) -> list[Path]:
    """The run and those that it started from, first things first; runs that are gone are left out."""
    found: list[Path] = []
    if not (run / "log.jsonl").is_file():
        return found
    for source in first_line(run)["config"].get("init", []):
        found += [path for path in lineage(Path(source)) if path not in found]
    return [*found, run]


def told_stage(run: Path) -> str:
    """A run's command, length and scores, for a card."""
    events = read_events(run)
    start = first_line(run)
    # logs older than the field "stage" are of these two
    name = start.get("stage", "tokenizer" if "bank" in start["config"] else "backbone")
    measured = [event for event in events if event["event"] == "evaluate"]
    last = [event for event in events if event["event"] in ("step", "evaluate")][-1:]
    minutes = f"{last[0]['elapsed_s'] / 60:.0f} minutes" if last else "no time"
    samples = f"{last[0]['samples']:,} samples" if last else "no samples"
    lines = [f"### {run.name}: {samples}, {minutes}", "", f"    {command(name, start['config'], run)}", ""]
    return "\n".join([*lines, *_changes(events), *_curve(measured)])


def _changes(events: list[dict[str, Any]]) -> list[str]:
    """What was set otherwise before a run was taken up again, a line each; its command is that of the last time."""
    starts = [event for event in events if event["event"] == "start"]
    lines = []
    for before, after in pairwise(starts):
        changed = {key: value for key, value in before["config"].items() if after["config"].get(key) != value}
        if told := _options(changed):
            lines.append(f"Until {after['samples']:,} samples: `{' '.join(told)}`.\n")
    return lines


def command(stage: str, config: Mapping[str, Any], run: Path) -> str:
    """The command line of a run."""
    parts = [f"python -m training.train {STAGES.get(stage, stage)} --output runs/{run.name}", *_options(config)]
    started = [source_name(Path(source)) for source in config.get("init", [])]
    return " ".join([*parts, *(["--init", *started] if started else [])])


def _options(config: Mapping[str, Any]) -> list[str]:
    """Settings as the command line has them; folders by their names alone."""
    parts = []
    for key, value in config.items():
        if key in UNTOLD or value is None or (key in ("samples", "minutes") and not value):
            continue
        shown = [Path(one).name if isinstance(one, str) and "/" in one else one for one in _listed(value)]
        parts.append(" ".join([f"--{key.replace('_', '-')}", *map(str, shown)]))
    return parts


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def source_name(source: Path) -> str:
    """A run, or a bundle's weights, by its last names."""
    return f"{source.parent.name}/{source.name}" if source.suffix == ".safetensors" else f"runs/{source.name}"


def _curve(measured: list[dict[str, Any]]) -> list[str]:
    """A few lines of the evaluations, as a table."""
    if not any(key in event for event in measured for key, _ in SHOWN):
        return []
    step = max(1, -(-len(measured) // CURVE_POINTS))
    rows = [*measured[:-1:step], measured[-1]]
    columns = [(key, title) for key, title in SHOWN if any(key in row for row in rows)]
    lines = ["| samples | minutes | " + " | ".join(title for _, title in columns) + " |"]
    lines.append("|---" * (2 + len(columns)) + "|")
    for row in rows:
        cells = [f"{row[key]:.3g}" if key in row else "-" for key, _ in columns]
        lines.append(f"| {row['samples']:,} | {row['elapsed_s'] / 60:.1f} | " + " | ".join(cells) + " |")
    return [*lines, ""]
