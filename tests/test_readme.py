"""The README keeps its promises: its commands exist, its links lead somewhere, it starts with the two commands."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN_LINES = 30


def test_first_screen_has_both_commands() -> None:
    first = "\n".join(README.splitlines()[:FIRST_SCREEN_LINES])
    assert "make demo" in first and "make test" in first


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:^\s*|`)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert named <= targets, named - targets


def test_every_relative_link_leads_somewhere() -> None:
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert [link for link in links if link and not (ROOT / link).exists()] == []


def test_every_module_command_can_be_found() -> None:
    modules = set(re.findall(r"python -m ((?:core|training|tests)[\w.]*)", README))
    homes = {module: ROOT / module.replace(".", "/") for module in modules}
    missing = [m for m, h in homes.items() if not (h.with_suffix(".py").exists() or (h / "__main__.py").exists())]
    assert modules and missing == []
