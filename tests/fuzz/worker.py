"""The process that reads damaged files: `python -m tests.fuzz.worker FOLDER SEED`, numbers of cases on stdin.

It says of each case on one line what became of it. Its memory is limited, and it may die: the parent starts another.
"""

import json
import os
import random
import resource
import sys
import time
import traceback
from pathlib import Path

from core.errors import MocapError
from tests.fuzz.targets import make_targets

MEMORY_BYTES = 1536 * 2**20
"""That a case may take on top of what is there before."""
LONGEST_SENTENCE = 700


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    targets = make_targets(folder / "samples")
    limit = _bytes_now() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)  # libraries that complain on their own
    print(json.dumps({"ready": len(targets)}), file=answers, flush=True)
    for line in sys.stdin:
        number = int(line)
        target = targets[number % len(targets)]
        rng = random.Random(f"{seed} {number}")
        sample = rng.choice(target.samples)
        file = folder / f"case{sample.suffix}"
        file.write_bytes(target.damage(sample.read_bytes(), rng))
        begun_s = time.monotonic()
        outcome, said = _outcome(target.read, file)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told = {"outcome": outcome, "said": said, "time_s": time.monotonic() - begun_s, "peak_mb": peak_mb}
        print(json.dumps(told), file=answers, flush=True)


def _outcome(read: object, file: Path) -> tuple[str, str]:
    assert callable(read)
    try:
        read(file)
    except MocapError as error:
        sentence = str(error)
        is_one = "\n" not in sentence and len(sentence) < LONGEST_SENTENCE
        return ("refused" if is_one else "no sentence"), sentence
    except BaseException:
        return "traceback", traceback.format_exc()
    return "read", ""


def _bytes_now() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
