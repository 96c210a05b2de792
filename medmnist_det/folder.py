"""The data set on disk: where things are, what the manifest says, and whether it still holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xxhash

from medmnist_det.errors import InputError, listed
from medmnist_det.files import inside, read_json, write_atomically
from medmnist_det.formats.coco import read_coco
from medmnist_det.formats.png import read_grey
from medmnist_det.labels import CROWD_SPLITS, SPLITS, Error, Labels, LabelSet, Split

#: Version of the layout. Readers refuse others.
FORMAT = 1

#: Data sets that are the same for everybody: name and fingerprint, by :func:`options_hash`.
EDITIONS = {
    "9a590aef14c201171d0c0b1983e04639f962945936e6dcbb51ee1c1ecc83c6f2": (
        "paper preset, MNIST, seed 0",
        "0f1a29633da43df7ebb55c5c7cbf271bea6f87f1d4132dc6e0fec6a2cf89cfe6",
    ),
    "b477b11b3c626c1c4cded2dfbac8ed35bb327a3e9317ac2993dc1443ab7bc768": (
        "paper preset, optdigits, seed 0",
        "a28814d62d9da72344f99770420c67edf09582e0001be2c09552bfd04e17ac94",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A data set on disk, complete as far as its manifest says."""

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Return the data set in a folder. Raises InputError for none, or half of one."""
        manifest_file = path / "manifest.json"
        if not manifest_file.is_file():
            if unfinished_file(path).is_file():
                raise InputError(
                    f"{path}: this data set is unfinished; run the generate command that began it "
                    "once more"
                )
            raise InputError(
                f"{path}: no data set there; make one with 'medmnist-det generate --out {path}', "
                "or name its folder with --data"
            )
        manifest = read_json(manifest_file)
        version = manifest.get("format") if isinstance(manifest, dict) else None
        if version != FORMAT:
            raise InputError(
                f"{manifest_file}: has format {version!r}, this version reads {FORMAT}; generate "
                "the data set again"
            )
        return cls(path=path, manifest=manifest)

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that have images."""
        return tuple(split for split in SPLITS if self.manifest["counts"][split]["images"])

    @property
    def edition(self) -> str | None:
        """Name of the frozen edition that this data set's options describe; None for others."""
        return EDITIONS.get(options_hash(self.manifest), (None,))[0]

    def images(self, split: Split) -> Path:
        """Return the folder of a split's images."""
        return self.path / "images" / split

    def truth(self, split: Split) -> LabelSet:
        """Return the true labels of a split."""
        self._refuse_absent(split)
        return read_coco(self.path / "truth" / f"{split}.json")

    def crowd(self, split: Split) -> LabelSet:
        """Return what the annotators drew, without a word about the truth."""
        self._refuse_absent(split)
        if split not in CROWD_SPLITS:
            raise InputError(f"{self.path}: the {split} split has no crowd labels, only truth")
        return read_coco(self.path / "crowd" / f"{split}.json")

    def crowd_with_provenance(self, split: Split) -> LabelSet:
        """Return the crowd labels with the true object and the kind of error behind every box."""
        crowd = self.crowd(split)
        file = self.path / "provenance" / f"{split}.json"
        rows = read_json(file)
        if not len(rows["true_annotation_id"]) == len(rows["error"]) == len(crowd.labels):
            raise InputError(f"{file}: does not belong to the crowd labels; generate them again")
        nothing = self.manifest["counts"][split]["objects"]
        found = [nothing if key is None else key - 1 for key in rows["true_annotation_id"]]
        labels = replace(
            crowd.labels,
            true_object=np.array(found, dtype=np.int64),
            error=np.array([Error[kind.upper()] for kind in rows["error"]], dtype=np.int64),
        )
        return replace(crowd, labels=labels)

    def labels(self, split: Split, which: str) -> LabelSet:
        """Return ``truth``, ``crowd``, ``rater:K`` (K: the rater's id) or ``fused:METHOD`` labels.

        All are over all images of the split. Raises InputError for anything else.
        """
        kind, _, name = which.partition(":")
        if which == "truth":
            return self.truth(split)
        if which == "crowd":
            return self.crowd(split)
        if kind == "rater" and name:
            crowd = self.crowd(split)
            raters = [str(rater) for rater in crowd.raters or ()]
            if name not in raters:
                raise InputError(
                    f"{self.path}: has no rater {name!r}; its raters are {', '.join(raters)}"
                )
            return replace(crowd, labels=crowd.labels.of_rater(raters.index(name)))
        if kind == "fused" and name:
            file = self.path / "fused" / name / f"{split}.json"
            if not file.is_file():
                have = sorted(folder.name for folder in (self.path / "fused").glob("*"))
                # Which methods there are is known above this package; some exist for sure.
                raise InputError(
                    f"{file}: no such labels (there are: {listed(have) or 'none'}); name some that "
                    "are there, or make others with 'medmnist-det aggregate', whose --method says "
                    "which there are"
                )
            return read_coco(file)
        raise InputError(f"labels {which!r} are not truth, crowd, rater:K or fused:METHOD")

    def _refuse_absent(self, split: Split) -> None:
        if split not in SPLITS:
            raise InputError(f"split {split!r} is not train, val or test")
        if split not in self.splits:
            raise InputError(
                f"{self.path}: has no {split} images; generate a data set with --{split} above 0"
            )


def unfinished_file(path: Path) -> Path:
    """Return the file that marks a data set on which work has begun and not ended."""
    return path / "unfinished.json"


def verify(folder: Folder, progress: Callable[[int], None] = lambda _: None) -> str:
    """Check every image and label of a data set against its manifest and return its fingerprint.

    ``progress`` is told how many images were read since the last call. Raises InputError that names
    the first part that differs; also where the options are those of a frozen edition and the
    fingerprint is not.
    """
    remedy = f"restore it, or remove {folder.path} and generate it again"
    expected = folder.manifest["hashes"]
    for split in folder.splits:
        truth = folder.truth(split)
        parts: dict[str, LabelSet] = {"truth": truth}
        if split in CROWD_SPLITS:
            parts["crowd"] = folder.crowd_with_provenance(split)
        for name, table in parts.items():
            if content_hash(table) != expected[split][name]:
                file = folder.path / name / f"{split}.json"
                raise InputError(f"{file}: is not what the manifest describes; {remedy}")
        files = [inside(folder.images(split), name) for name in truth.images.names]
        if pixel_hash(_digests(files, progress)) != expected[split]["pixels"]:
            raise InputError(
                f"{folder.images(split)}: an image is not what the manifest describes; {remedy}"
            )
    annotators = folder.path / "annotators.json"
    if hashlib.sha256(orjson.dumps(read_json(annotators))).hexdigest() != expected["annotators"]:
        raise InputError(f"{annotators}: is not what the manifest describes; {remedy}")
    found = fingerprint(expected)
    if found != folder.manifest["fingerprint"]:
        raise InputError(f"{folder.path / 'manifest.json'}: its hashes do not give its fingerprint")
    name, frozen = EDITIONS.get(options_hash(folder.manifest), ("", found))
    if frozen != found:
        raise InputError(
            f"{folder.path}: is intact, but is not the frozen edition ({name}: {frozen}) that its "
            "options ask for; another version of this program made it: generate it again"
        )
    return found


def _digests(files: list[Path], progress: Callable[[int], None]) -> Iterator[bytes]:
    for file in files:
        yield image_digest(read_grey(file))
        progress(1)


def image_digest(pixels: np.ndarray) -> bytes:
    """Return the 128-bit XXH3 of an image's grey levels, row by row: fifty times sha256's rate."""
    return xxhash.xxh3_128_digest(np.ascontiguousarray(pixels).data)


def pixel_hash(digests: Iterator[bytes]) -> str:
    """Return the hash of a split's pixels from the digests of its images, in order."""
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(digest)
    return whole.hexdigest()


def content_hash(table: LabelSet) -> str:
    """Return the hash of labels and of what they refer to, from values, not from a file's bytes."""
    labels: Labels = table.labels
    digest = hashlib.sha256()
    digest.update(repr((table.classes.ids, table.classes.names, table.raters)).encode())
    digest.update(repr((table.images.ids, table.images.names)).encode())
    for column in (
        table.images.width,
        table.images.height,
        labels.image,
        labels.box,
        labels.label,
        labels.rater,
        labels.true_object,
        labels.error,
        labels.assigned,
    ):
        digest.update(
            b"|"
            if column is None
            else b"|" + column.astype(column.dtype.newbyteorder("<")).tobytes()
        )
    return digest.hexdigest()


def fingerprint(hashes: dict[str, Any]) -> str:
    """Return the one hash by which a data set is known: of all pixels and labels.

    The simulator's matrices are left out: their last bits depend on the platform's logarithm, those
    of the labels do not.
    """
    content = {split: hashes[split] for split in SPLITS if split in hashes}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def options_hash(described: dict[str, Any]) -> str:
    """Return the hash of what was asked for: the options and the digits of a manifest."""
    asked = {"options": described["options"], "digits": described["digits"]["sha256"]}
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file that people can read, atomically. Raises InputError."""
    write_atomically(path, [orjson.dumps(content, option=orjson.OPT_INDENT_2), b"\n"])
