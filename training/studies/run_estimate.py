"""What a training would take, estimated from what a run's log measured; the formula is printed with the numbers.

    python -m training.studies.run_estimate RUN --people 512000 --epochs 30                       # on this machine
    python -m training.studies.run_estimate RUN --people 512000 --epochs 30 --tflops 400 --mfu 30 --price 3   # on
    another

The first reads the run's samples a second, the second its operations a sample: how fast another machine is at a product
of matrices, what share of that a training reaches there, and what an hour costs, are yours to say.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.trainer.run_log import read_events


def measured(run: Path, name: str) -> float:
    """Median over the run's steps of what its log measured, the first line left out where there are more.

    Raises:
        ValueError: no log, or one without steps.
    """
    values = [float(event[name]) for event in read_events(run) if event["event"] == "step" and name in event]
    if not values:
        raise ValueError(f"{run / 'log.jsonl'} has no {name} yet; let it run for --log-steps steps")
    return statistics.median(values[1:] or values)


def estimate(run: Path, samples: float, tflops: float, mfu_percent: float, price: float) -> list[str]:
    """The estimate with its formula, a line each.

    Args:
        run: with a log.
        samples: epochs times people.
        tflops: 10^12 operations a second of the other machine's matrix products, all its devices together; 0 for the
            machine of the run.
        mfu_percent: share of them that a training reaches.
        price: of an hour; 0 tells no cost.
    """
    if tflops > 0:
        gflop = measured(run, "gflop_per_sample")
        rate = tflops * 1e3 * mfu_percent / 100 / gflop
        told = [f"samples a second = {tflops:g} TFLOP/s x {mfu_percent:g} % / {gflop:g} GFLOP a sample (measured) "
                f"= {rate:.1f}"]  # fmt: skip
    else:
        rate = measured(run, "samples_per_s")
        told = [f"samples a second = {rate:.1f} (measured)"]
    hours = samples / rate / 3600
    told.append(f"estimate: hours = {samples:g} samples / {rate:.1f} / 3600 = {hours:.1f}")
    if price > 0:
        told.append(f"estimate: cost = {hours:.1f} hours x {price:g} = {hours * price:.0f}")
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser: Any = argparse.ArgumentParser(
        prog="python -m training.studies.run_estimate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="a run of the same stage and preset, of some steps")
    parser.add_argument("--people", type=float, required=True, help="in the sets")
    parser.add_argument("--epochs", type=float, required=True)
    parser.add_argument("--tflops", type=float, default=0.0, help="of the other machine, all its devices together")
    parser.add_argument("--mfu", type=float, default=30.0, help="per cent of them that a training reaches")
    parser.add_argument("--price", type=float, default=0.0, help="of an hour of the machine")
    given = parser.parse_args(arguments)
    try:
        told = estimate(given.run, given.people * given.epochs, given.tflops, given.mfu, given.price)
    except (ValueError, OSError) as error:
        print(f"training.studies.run_estimate: {error}", file=sys.stderr)
        return 1
    print("\n".join(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
