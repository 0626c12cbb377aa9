"""The command `stills`: the people in a folder of pictures, with boxes or without, as arrays."""

from __future__ import annotations

import argparse
import logging

from ..types import ProgressFunction
from .console import Bar, StopRequest


def run_stills(options: argparse.Namespace, printer: ProgressFunction | None, stop: StopRequest) -> None:
    """Read the pictures of `options.folder`, of the people in `options.boxes` or of whoever is found."""
    from ..detection.open_detector import open_detector
    from ..inference.estimator import Estimator
    from ..inference.runtime import open_runtime
    from ..stills import estimate_stills, find_stills, write_stills
    from ..tracking.confirm import UNSURE
    from ..weights.find import find_weights

    bundle = find_weights(options.weights)
    runtime = open_runtime(bundle, options.runtime, options.device, options.threads)
    if runtime.notice:
        logging.warning(runtime.notice)
    estimator = Estimator(runtime, bundle)
    if options.boxes is not None:
        stills = estimate_stills(options.folder, options.boxes, estimator, printer, stop)
    else:
        stills = find_stills(options.folder, open_detector(None, options.threads, UNSURE), estimator, printer, stop)
    write_stills(stills, options.output)
    if isinstance(printer, Bar):
        printer.end()
    print(f"{options.output}: {len(stills.ids)} people")
