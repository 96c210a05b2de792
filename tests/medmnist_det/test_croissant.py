"""Croissant metadata: what its own library reads is the data set, and verify knows the file."""

import json
import shutil
import subprocess
import sys

import pytest

from medmnist_det.croissant import write_croissant
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.verification import verify


@pytest.fixture
def folder(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "set")
    folder = Folder.open(tmp_path / "set")
    write_croissant(folder)
    return folder


# In a process of its own: the library brings warnings of its own, which are errors here.
READ = """
import json, sys
import mlcroissant
found = mlcroissant.Dataset(jsonld=sys.argv[1])
issues = found.metadata.ctx.issues
def plain(row):
    return {key.rsplit("/")[-1]: value for key, value in row.items()}
rows = {one.name: [plain(row) for row in found.records(one.name)] for one in found.metadata.record_sets}
print(json.dumps({"issues": [*issues.errors, *issues.warnings], "rows": rows}))
"""


def test_its_own_library_finds_no_fault_and_reads_every_box(folder):
    pytest.importorskip("mlcroissant", reason="validates what we write")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, str(folder.croissant_file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # When it is published only its publisher knows.
    (warning,) = found["issues"]
    assert 'datePublished" is recommended' in warning
    files = {f"truth-{split}": folder.truth_file(split) for split in ("train", "val", "test")}
    files |= {f"crowd-{split}": folder.crowd_file(split) for split in ("train", "val")}
    assert found["rows"].keys() == files.keys()
    for name, file in files.items():
        rows = json.loads(file.read_text())["annotations"]
        columns = ["id", "image_id", "category_id", "bbox", *["rater_id"] * ("crowd" in name)]
        assert found["rows"][name] == [{key: row[key] for key in columns} for row in rows]


def test_verify_knows_the_file_and_what_it_says_of_others(folder, small):
    assert verify(folder) == verify(small)
    content = json.loads(folder.croissant_file.read_text())
    content["description"] = "words of another version"
    folder.croissant_file.write_text(json.dumps(content))
    verify(folder)
    content["distribution"][1]["sha256"] = "0" * 64
    folder.croissant_file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"does not describe truth/train.json as it is; run"):
        verify(folder)
    content["distribution"].pop(1)
    folder.croissant_file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"does not describe truth/train.json as it is"):
        verify(folder)
    folder.croissant_file.write_text("[]")
    with pytest.raises(InputError, match="is not what 'croissant' writes"):
        verify(folder)
