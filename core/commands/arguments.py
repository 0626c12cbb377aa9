"""What the command line's arguments may be; each raises ArgumentTypeError, with what was expected."""

from __future__ import annotations

import argparse


def device(text: str) -> str:
    """Where the network runs."""
    name, _, number = text.partition(":")
    if name not in {"auto", "cpu", "cuda", "directml", "coreml"} or (number and not number.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected auto, cpu, cuda, cuda:N, directml or coreml")
    return text


def people(text: str) -> str:
    """Whom to follow."""
    if text not in {"all", "all+", "main"} and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: expected all, all+, main or a number above 0")
    return text


def count(text: str) -> int:
    """A whole number from 0 on."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 or more")
    return value


def positive(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def positive_float(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0")
    return value


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 1")
    return value
