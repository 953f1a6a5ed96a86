"""Reads the words of the demo practice from the files beside this one."""

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent

Entry = dict[str, Any]


def practice() -> Entry:
    """Practice, locations, closures, providers, categories, offers, testimonials and policies, by these names."""
    found = _read("practice.toml")
    for policy in found["policies"]:
        policy["body"] = (FOLDER / "policies" / f"{policy['kind']}.html").read_text(encoding="utf-8")
    return found


def treatments() -> list[Entry]:
    found = _read("treatments.toml")
    for treatment in found["treatments"]:
        treatment["price_as_of_days_ago"] = found["price_as_of_days_ago"]
    return found["treatments"]


def articles() -> list[Entry]:
    found = _read("articles.toml")["articles"]
    for article in found:
        article["body"] = (FOLDER / "articles" / f"{article['slug']}.html").read_text(encoding="utf-8")
    return found


def diary() -> Entry:
    """Rules, people, things, exceptions, visit_types, patients and visits, by these names."""
    return _read("diary.toml")


def mailing() -> Entry:
    """Rules, topics, readers and campaigns, by these names."""
    return _read("mailing.toml")


def clip(name: str) -> Path:
    return FOLDER / "clips" / name


def _read(name: str) -> Entry:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))
