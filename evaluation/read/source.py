"""Where the truth comes from: a data folder and a split, or any COCO file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.problem import Truth
from evaluation.read.truth import read_truth
from medmnist_det.errors import InputError
from medmnist_det.files import read_json
from medmnist_det.folder import Layout


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A truth, and what is known about where it comes from."""

    truth: Truth
    #: The data folder and the split; None for a lone COCO file.
    data: Path | None
    split: str | None
    #: Where the images lie, if anywhere.
    images: Path | None
    #: Facts of the manifest for every score: where the digits come from, and the fingerprint.
    facts: dict[str, str]

    def hint(self, ids: set[Any]) -> str:
        """Return which other split has all these image ids, as a remedy; "" where none has."""
        for split in self.other_splits():
            if ids <= set(read_truth(self.path_of(split)).ids):
                return f"they fit the split {split!r}: add --split {split}"
        return ""

    def other_splits(self) -> list[str]:
        """Return the names of the folder's other splits."""
        if self.data is None:
            return []
        return [name for name in _splits(self.data) if name != self.split]

    def path_of(self, split: str) -> Path:
        """Return the truth file of a split of the folder."""
        return Layout(path=self.data or Path()).truth_file(split)


def open_truth(data: Path, split: str, truth: Path | None, images: Path | None = None) -> Source:
    """Return the truth of ``data``'s split, or of the COCO file ``truth`` if one is given.

    ``images`` overrides where the pictures are looked for. Raises InputError that says how to get
    a truth where there is none.
    """
    if truth is not None:
        folder = images or truth.parent
        return Source(truth=read_truth(truth), data=None, split=None, images=folder, facts={})
    place = Layout(path=data)
    path = place.truth_file(split)
    if not path.is_file():
        known = _splits(data)
        remedy = (
            f"choose --split {' or '.join(known)}"
            if known
            else "make the data with medmnist-det generate, name its folder with --data, or name "
            "any COCO file with --truth"
        )
        raise InputError(f"{path}: there is no such truth; {remedy}")
    return Source(
        truth=read_truth(path),
        data=data,
        split=split,
        images=images or place.images(split),
        facts=_facts(place.manifest_file),
    )


def _splits(data: Path) -> list[str]:
    return sorted(path.stem for path in Layout(path=data).truth_folder.glob("*.json"))


def _facts(manifest: Path) -> dict[str, str]:
    """Return the manifest's facts that every score records; a folder without one has none."""
    if not manifest.is_file():
        return {}
    content = read_json(manifest)
    if not isinstance(content, dict):
        return {}
    digits = content.get("digits")
    facts = {
        "digits": digits.get("source") if isinstance(digits, dict) else digits,
        "fingerprint": content.get("fingerprint"),
    }
    return {key: str(value) for key, value in facts.items() if value is not None}
