"""Small data folders and prediction files on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
from PIL import Image

CATEGORIES = [{"id": k + 1, "name": str(k)} for k in range(3)]


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return path


def coco(images: int, annotations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": k + 1, "file_name": f"{k + 1:06d}.png", "width": 320, "height": 320}
            for k in range(images)
        ],
        "annotations": annotations,
        "categories": [dict(row) for row in CATEGORIES],
    } | more


def annotation(key: int, image: int, label: int, bbox: list[float], **more: Any) -> dict[str, Any]:
    area = bbox[2] * bbox[3]
    return {
        "id": key,
        "image_id": image,
        "category_id": label + 1,
        "bbox": bbox,
        "area": area,
        "iscrowd": 0,
    } | more


def objects(images: int, seed: int) -> list[dict[str, Any]]:
    """Two objects a class on every other image, apart; another seed puts other classes there."""
    rng = np.random.default_rng(seed)
    found = []
    for image in range(1, images + 1, 2):
        for place in range(6):
            side = rng.integers(12, 80, 2)
            corner = [100 * (place % 3) + rng.integers(0, 15), 150 * (place // 3)]
            bbox = [float(value) for value in (*corner, *side)]
            found.append(annotation(len(found) + 1, image, (place + seed) % 3, bbox))
    return found


def as_results(annotations: list[dict[str, Any]], score: float = 0.9) -> list[dict[str, Any]]:
    kept = ("image_id", "category_id", "bbox")
    return [{key: one[key] for key in kept} | {"score": score} for one in annotations]


def data_folder(root: Path, *, pictures: bool = False) -> Path:
    """Write truth of 10 test, 10 val and 20 train images, and a manifest."""
    folder = root / "med-mnist"
    for seed, (split, images) in enumerate({"test": 10, "val": 10, "train": 20}.items()):
        write(folder / "truth" / f"{split}.json", coco(images, objects(images, seed)))
    manifest = {"digits": {"source": "optdigits"}, "fingerprint": "sha256:feed"}
    write(folder / "manifest.json", manifest)
    if pictures:
        (folder / "images" / "test").mkdir(parents=True)
        for k in range(10):
            picture = Image.fromarray(np.zeros((320, 320), dtype=np.uint8))
            picture.save(folder / "images" / "test" / f"{k + 1:06d}.png")
    return folder
