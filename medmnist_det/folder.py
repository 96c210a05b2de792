"""The data set on disk: where things lie, what the manifest says, and its labels by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from medmnist_det.editions import EDITIONS
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.files import read_json, write_atomically
from medmnist_det.formats.coco import read_coco
from medmnist_det.fused import Fused, details_file, read_fused
from medmnist_det.hashes import label_hash, options_hash
from medmnist_det.labels import CROWD_SPLITS, SPLITS, Error, Labels, LabelSet, Split
from medmnist_det.provenance import OF_BOXES
from medmnist_det.tiers import TIERS, tier

#: Version of the layout. Readers refuse others.
FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything of a data set lies, whether it is there or not. Nobody else joins paths."""

    path: Path

    @property
    def manifest_file(self) -> Path:
        """What the data set is; written last."""
        return self.path / "manifest.json"

    @property
    def unfinished_file(self) -> Path:
        """Marks a data set on which work has begun and not ended."""
        return self.path / "unfinished.json"

    @property
    def annotators_file(self) -> Path:
        """The simulator's truth about its annotators."""
        return self.path / "annotators.json"

    @property
    def croissant_file(self) -> Path:
        """Metadata for catalogues of data sets, on request."""
        return self.path / "croissant.json"

    @property
    def image_folder(self) -> Path:
        """The folder with one of images for every split."""
        return self.path / "images"

    def images(self, split: str) -> Path:
        """Return the folder of a split's images."""
        return self.image_folder / split

    def digests_file(self, split: str) -> Path:
        """Return the file of the images' digests, one a line."""
        return self.path / "digests" / f"{split}.txt"

    @property
    def truth_folder(self) -> Path:
        """The folder with one COCO file for every split."""
        return self.path / "truth"

    def truth_file(self, split: str) -> Path:
        """Return the COCO file of a split's truth."""
        return self.truth_folder / f"{split}.json"

    def crowd_file(self, split: str) -> Path:
        """Return the COCO file of what the annotators drew."""
        return self.path / "crowd" / f"{split}.json"

    def provenance_file(self, split: str) -> Path:
        """Return the file with the truth behind every crowd box."""
        return self.path / "provenance" / f"{split}.json"

    @property
    def fused_folder(self) -> Path:
        """The folder with one of fused labels for every method."""
        return self.path / "fused"

    def fused_file(self, method: str, split: str) -> Path:
        """Return the COCO file of fused labels; ``method`` is the name of their folder."""
        return self.fused_folder / method / f"{split}.json"


def usual_folder() -> Path:
    """Return the data folder that a command means which names none.

    It is ``med-mnist``; where there is none, the current folder if that is a data set.
    """
    here, usual = Layout(path=Path()), Path("med-mnist")
    inside = here.manifest_file.is_file() and here.truth_folder.is_dir()
    return here.path if inside and not usual.exists() else usual


def beside(path: Path) -> Path:
    """Return where a command puts what it makes if nothing was named: in the current folder.

    Where that is the data set itself, beside it: nothing strange may lie in a data set.
    """
    return path if usual_folder() != Path() else Path("..", path)


@dataclass(frozen=True, kw_only=True)
class Folder(Layout):
    """A data set on disk, complete as far as its manifest says."""

    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Return the data set in a folder. Raises InputError for none, or half of one."""
        layout = Layout(path=path)
        if not layout.manifest_file.is_file():
            if layout.unfinished_file.is_file():
                raise InputError(
                    f"{path}: this data set is unfinished; run the generate command that began it "
                    "once more"
                )
            there = sorted(file.parent for file in Path().glob("*/manifest.json"))
            known = f" (there are: {listed(there, 3)})" if there else ""
            raise InputError(
                f"{path}: no data set there; make one with 'medmnist-det generate --out {path}', "
                f"or name its folder with --data{known}"
            )
        return cls(path=path, manifest=_read_manifest(layout.manifest_file))

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that have images."""
        return tuple(split for split in SPLITS if self.manifest["counts"][split]["images"])

    @property
    def edition(self) -> str | None:
        """Name of the frozen edition that this data set's options describe; None for others."""
        return EDITIONS.get(options_hash(self.manifest), (None,))[0]

    def truth(self, split: Split) -> LabelSet:
        """Return the true labels of a split."""
        self._refuse_absent(split)
        return read_coco(self.truth_file(split))

    def crowd(self, split: Split) -> LabelSet:
        """Return what the annotators drew, without a word about the truth."""
        self._refuse_absent(split)
        if split not in CROWD_SPLITS:
            raise InputError(f"{self.path}: the {split} split has no crowd labels, only truth")
        return read_coco(self.crowd_file(split))

    def crowd_with_provenance(self, split: Split) -> LabelSet:
        """Return the crowd labels with the true object and the kind of error behind every box."""
        return self.with_provenance(split, self.crowd(split))

    def with_provenance(self, split: Split, crowd: LabelSet) -> LabelSet:
        """Return the folder's crowd labels, which were read already, with what is behind them."""
        file = self.provenance_file(split)
        content = read_json(file)
        nothing = self.manifest["counts"][split]["objects"]
        try:
            rows, kinds = (content[name] for name in OF_BOXES)
            found = np.array([nothing if key is None else key - 1 for key in rows], dtype=np.int64)
            error = np.array([Error[kind.upper()] for kind in kinds], dtype=np.int64)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as wrong:
            raise InputError(
                f"{file}: is not what 'generate' writes ({shown(wrong)}); restore it, or generate "
                "the data set again"
            ) from wrong
        if not len(found) == len(error) == len(crowd.labels):
            raise InputError(f"{file}: does not belong to the crowd labels; generate them again")
        odd = (found < 0) | (found > nothing) | ((found == nothing) != (error == Error.SPURIOUS))
        if odd.any():
            raise InputError(
                f"{file}: names no true object for box {int(odd.argmax()) + 1}, or one that is not "
                "there; restore it, or generate the data set again"
            )
        return replace(crowd, labels=replace(crowd.labels, true_object=found, error=error))

    def fused(self, split: Split, method: str) -> Fused:
        """Return fused labels with their details; ``method`` is their folder's name.

        Raises InputError for labels that are not there, or were made from another crowd than the
        folder's.
        """
        return read_fused(self._there(split, method), label_hash(self.crowd(split)))

    def labels(self, split: Split, which: str) -> LabelSet:
        """Return ``truth``, ``crowd``, ``rater:K`` (K: the rater's id) or ``fused:METHOD`` labels.

        Or a tier of the crowd: ``best``, ``worst`` or ``random``, a rater an image, and
        ``best-rater``, ``worst-rater`` or ``random-rater`` (:mod:`medmnist_det.tiers`). All are
        over all images of the split, but ``rater:K`` and tiers: over those that somebody whose
        labels these are looked at, as nothing is known of the others, not even that they are empty.
        A file that somebody else put into ``fused`` needs no details. Raises InputError for
        anything else.
        """
        kind, _, name = which.partition(":")
        if which == "truth":
            return self.truth(split)
        if which == "crowd":
            return self.crowd(split)
        if kind == "rater" and name:
            return self._rater(split, name)
        if kind == "fused" and name:
            file = self._there(split, name)
            return (
                self.fused(split, name).labels if details_file(file).exists() else read_coco(file)
            )
        if which in TIERS:
            crowd, seed = self.crowd_with_provenance(split), self.manifest["options"]["seed"]
            return tier(crowd, self.truth(split), which, seed, split)
        raise InputError(
            f"labels {shown(which)} are not truth, crowd, rater:K, fused:METHOD, or {listed(TIERS)}"
        )

    def _rater(self, split: Split, name: str) -> LabelSet:
        crowd = self.crowd(split)
        raters = [str(rater) for rater in crowd.raters or ()]
        if name not in raters:
            raise InputError(
                f"{self.path}: has no rater {shown(name)}; its raters are {listed(raters)}"
            )
        mine = crowd.labels.of_rater(raters.index(name))
        looked = np.zeros(mine.images, dtype=bool)
        looked[... if mine.assigned is None else mine.assigned[:, 0]] = True
        return replace(crowd, labels=mine).keep_images(looked)

    def _there(self, split: Split, method: str) -> Path:
        """Return the file of fused labels. Raises InputError where there is none."""
        file = self.fused_file(method, split)
        if not file.is_file():
            have = sorted(folder.name for folder in self.fused_folder.glob("*"))
            raise InputError(
                f"{file}: no such labels (there are: {listed(have) or 'none'}); name some that are "
                "there, or make others with 'medmnist-det aggregate', whose --method says which "
                "there are"
            )
        return file

    def _refuse_absent(self, split: Split) -> None:
        if split not in SPLITS:
            raise InputError(f"split {split!r} is not train, val or test")
        if split not in self.splits:
            raise InputError(
                f"{self.path}: has no {split} images; generate a data set with --{split} above 0"
            )


def _read_manifest(file: Path) -> dict[str, Any]:
    """Return a manifest that has all that is read of it. Raises InputError."""
    manifest = read_json(file)
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if version != FORMAT:
        raise InputError(
            f"{file}: has format {shown(version)}, this version reads {FORMAT}; remove the folder "
            "and generate the data set again: the same options give the same pixels and labels"
        )
    wrong = _misses(manifest, _MANIFEST, "")
    if wrong:
        raise InputError(
            f"{file}: {wrong}; it is not as 'generate' wrote it: restore it, or remove the folder "
            "and generate the data set again"
        )
    return manifest


def _misses(content: Any, shape: Any, name: str) -> str:
    """Return what a manifest lacks of a shape (types by key), in words; "" for nothing."""
    if not isinstance(shape, dict):
        right = isinstance(content, shape) and (shape is not int or type(content) is int)
        return "" if right else f"{name} is {shown(content)}"
    if not isinstance(content, dict):
        return f"{name} is {shown(content)}"
    for key, inner in shape.items():
        if key not in content:
            return f"{name} has no {key!r}".strip()
        if found := _misses(content[key], inner, f"{name} {key}".strip()):
            return found
    return ""


_COUNTS = {"images": int, "empty": int, "objects": int}
_HASHES = {"pixels": str, "truth": str}
_MANIFEST: dict[str, Any] = {
    "options": {
        "seed": int,
        "images": dict.fromkeys(SPLITS, int),
        "scenes": dict,
        "annotators": list,
    },
    "digits": {"source": str, "original": bool, "sha256": str},
    "counts": {
        split: _COUNTS | ({"crowd": int} if split in CROWD_SPLITS else {}) for split in SPLITS
    },
    "hashes": {
        split: _HASHES | ({"crowd": str} if split in CROWD_SPLITS else {}) for split in SPLITS
    }
    | {"annotators": str},
    "fingerprint": str,
    "seal": str,
}


def count(truth: Labels, crowd: Labels | None) -> dict[str, int]:
    """Return what the manifest counts of a split; ``crowd`` is None where there is none."""
    counts = {
        "images": truth.images,
        "empty": int((np.diff(truth.starts) == 0).sum()),
        "objects": len(truth),
    }
    return counts if crowd is None else counts | {"crowd": len(crowd)}


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file that people can read, atomically. Raises InputError."""
    write_atomically(path, [orjson.dumps(content, option=orjson.OPT_INDENT_2), b"\n"])
