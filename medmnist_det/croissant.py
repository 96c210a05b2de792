"""Croissant metadata of a data set: a JSON-LD file that catalogues and loaders of data sets read.

Croissant 1.0 (MLCommons). It names every label file with its SHA-256, the folders of images, and
the columns of the boxes.
"""

from __future__ import annotations

from typing import Any

from medmnist_det import __version__
from medmnist_det.errors import InputError
from medmnist_det.files import read_json
from medmnist_det.folder import Folder, write_json
from medmnist_det.hashes import file_hash
from medmnist_det.labels import CROWD_SPLITS

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_CITE = (
    "Le et al. 2023, Learning From Multiple Expert Annotators for Enhancing Anomaly Detection in "
    "Medical Image Analysis, IEEE Access, doi 10.1109/ACCESS.2023.3243845"
)

# Licences of the digits, of which the images are made.
_LICENCES = {
    "mnist": "https://creativecommons.org/licenses/by-sa/3.0/",
    "optdigits": "https://creativecommons.org/licenses/by/4.0/",
}

# Of each file one list only: mlcroissant makes one table of all columns that are read from a file.
_BOX = {
    "id": "sc:Integer",
    "image_id": "sc:Integer",
    "category_id": "sc:Integer",
    "bbox": "cr:BoundingBox",
}


def write_croissant(folder: Folder) -> None:
    """Write ``croissant.json`` into a data folder. Raises InputError.

    Also for digits of unknown origin, for Croissant asks for a licence.
    """
    if not folder.manifest["digits"]["original"]:
        raise InputError(
            f"{folder.path}: is made of idx files that are not MNIST's, whose licence nobody knows "
            "here; generate it with --digits mnist or optdigits"
        )
    write_json(folder.croissant_file, croissant(folder))


def croissant(folder: Folder) -> dict[str, Any]:
    """Return the Croissant metadata of a data set, as plain JSON values.

    It follows from the files alone: the same data set gives the same content. So it has no date of
    publication, which only a publisher can add. Raises InputError.
    """
    digits = folder.manifest["digits"]["source"]
    distribution: list[dict[str, Any]] = [_file(folder, "annotators.json")]
    records: list[dict[str, Any]] = []
    for split in folder.splits:
        distribution += [_file(folder, f"truth/{split}.json"), _images(split)]
        records.append(_records(f"truth-{split}", f"truth/{split}.json", _BOX))
        if split in CROWD_SPLITS:
            name = f"crowd/{split}.json"
            distribution.append(_file(folder, name))
            columns = _BOX | {"rater_id": "sc:Integer"}
            records.append(_records(f"crowd-{split}", name, columns))
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "med-mnist",
        "description": "Synthetic scenes of handwritten digits with true boxes, and the boxes that "
        "simulated annotators drew, who disagree; image 12 is 000012.png of its split. Not medical "
        "images; not the MedMNIST classification sets. "
        f"Fingerprint {folder.manifest['fingerprint']}.",
        "license": _LICENCES[digits],
        "citeAs": _CITE,
        "creator": {"@type": "Organization", "name": "The medmnist-det team"},
        "version": __version__,
        "keywords": ["object detection", "noisy labels", "multiple annotators", digits],
        "isLiveDataset": False,
        "distribution": distribution,
        "recordSet": records,
    }


def _file(folder: Folder, name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": "application/json",
        "sha256": file_hash(folder.path / name),
    }


def _images(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"images/{split}",
        "name": f"images/{split}",
        "encodingFormat": "image/png",
        "includes": f"images/{split}/*.png",
    }


def _records(name: str, file: str, columns: dict[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": f"{name}/{column}",
                "dataType": kind,
                "source": {
                    "fileObject": {"@id": file},
                    "extract": {"jsonPath": f"$.annotations[*].{column}"},
                },
            }
            for column, kind in columns.items()
        ],
    }


def check_croissant(folder: Folder) -> None:
    """Raise InputError where a folder's ``croissant.json`` names other files than lie there.

    A folder without one is fine. Its words may be those of another version.
    """
    path = folder.croissant_file
    if not path.is_file():
        return
    content = read_json(path)
    remedy = "run 'medmnist-det croissant' again, or remove the file"
    try:
        theirs = {one["@id"]: one.get("sha256") for one in content["distribution"]}
    except (LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is not what 'croissant' writes; {remedy}") from error
    ours = {one["@id"]: one.get("sha256") for one in croissant(folder)["distribution"]}
    if theirs != ours:
        names = sorted(name for name in theirs | ours if theirs.get(name) != ours.get(name))
        name = names[0] if names else sorted(theirs.keys() ^ ours.keys())[0]
        raise InputError(f"{path}: does not describe {name} as it is; {remedy}")
