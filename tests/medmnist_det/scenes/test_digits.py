import gzip
import struct

import numpy as np
import pytest
import requests

from medmnist_det.errors import InputError
from medmnist_det.labels import SPLITS
from medmnist_det.scenes.digits import MNIST_SHA256, load_digits

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(1, 256, (12, 28, 28)).astype(np.uint8)
LABELS = np.arange(12).astype(np.uint8) % 10


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_root(folder, pack=lambda content: content, suffix="", dash="-idx"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "t10k"):
        (folder / f"{name}-images{dash}3-ubyte{suffix}").write_bytes(pack(idx(IMAGES)))
        (folder / f"{name}-labels{dash}1-ubyte{suffix}").write_bytes(pack(idx(LABELS)))


@pytest.mark.parametrize(
    ("where", "how"),
    [
        ("", {}),
        ("", {"pack": gzip.compress, "suffix": ".gz"}),
        ("MNIST/raw", {"pack": gzip.compress, "suffix": ".gz"}),
        ("raw", {"dash": ".idx"}),
    ],
)
def test_idx_files_are_found_plain_or_gzipped_flat_or_in_torchvision_s_layout(where, how, tmp_path):
    write_root(tmp_path / where, **how)
    digits = load_digits("auto", tmp_path)
    assert digits.source == "mnist"
    assert not digits.original
    assert np.array_equal(np.concatenate([digits.images["train"], digits.images["val"]]), IMAGES)
    assert len(digits.images["val"]) == 2
    assert np.array_equal(digits.labels["test"], LABELS)


def damaged(name, change):
    def damage(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return damage


def replaced(name, content):
    return damaged(name, lambda _: content)


def wrapping(content):
    """A header whose number of bytes is 0 in 64 bits, and nothing behind it."""
    return content[:4] + struct.pack(">III", 2**31, 2**31, 4)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damaged("train-images-idx3-ubyte", wrapping), "has 16 bytes where its header promises 18,446,744,0"),
        (damaged("train-images-idx3-ubyte", lambda b: b[:-1]), r"has 9,423 bytes where its header p"),
        (damaged("train-images-idx3-ubyte", lambda b: b + b"x"), "it is truncated or corrupt: fetch"),
        (damaged("train-images-idx3-ubyte", lambda b: b"PK" + b[2:]), "is not an idx file of bytes"),
        (replaced("train-images-idx3-ubyte", b""), "it starts with nothing"),
        (replaced("t10k-labels-idx1-ubyte", idx(LABELS[:9])), "has 9 labels for the 12 im"),
        (replaced("t10k-labels-idx1-ubyte", idx(LABELS + 5)), "all from 0 to 9"),
        (replaced("t10k-images-idx3-ubyte", idx(IMAGES[:, 1:])), r"are \(27, 28\), not 28x28"),
        (replaced("t10k-images-idx3-ubyte", idx(IMAGES * (LABELS != 3)[:, None, None])), "image 3 is all black"),
        (damaged("train-images-idx3-ubyte", lambda b: gzip.compress(b)[:-20]), "gzip stream is corrupt"),
        (damaged("train-images-idx3-ubyte", lambda b: gzip.compress(b)[:50] + b"z" * 99), "corrupt or"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused_by_name(damage, message, tmp_path):
    write_root(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load_digits("mnist", tmp_path)
    assert str(caught.value).startswith(str(tmp_path))


def test_a_missing_file_or_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no train-images-idx3-ubyte"):
        load_digits("auto", tmp_path)
    with pytest.raises(InputError, match="no such folder; --digits-root names the folder"):
        load_digits("auto", tmp_path / "nowhere")
    with pytest.raises(InputError, match="drop it, or --digits optdigits"):
        load_digits("optdigits", tmp_path)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise requests.exceptions.ConnectTimeout("HTTPSConnectionPool(host=...): very long")

    monkeypatch.setenv("MEDMNIST_DET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(requests, "get", refuse)


def test_without_a_network_auto_takes_optdigits_and_says_so(offline):
    digits = load_digits("auto")
    assert digits.source == "optdigits"
    assert digits.origin.endswith("could not be fetched (no answer in time)")


def test_without_a_network_mnist_is_refused_with_the_remedies(offline):
    with pytest.raises(
        InputError, match="MNIST could not be fetched .*--digits-root, or take --dig"
    ):
        load_digits("mnist")


def test_a_cached_file_that_is_corrupt_is_fetched_again_and_not_believed(offline, tmp_path):
    write_root(tmp_path / "cache", gzip.compress, ".gz")
    assert load_digits("auto").source == "optdigits"


def test_cached_mnist_is_used_without_a_network(offline, tmp_path, reference):
    (tmp_path / "cache").mkdir()
    for file in (reference / "MNIST" / "raw").glob("*.gz"):
        (tmp_path / "cache" / file.name).write_bytes(file.read_bytes())
    digits = load_digits("auto")
    assert digits.sha256 == MNIST_SHA256
    assert digits.original


def test_the_original_mnist_is_known_by_its_hash(reference):
    digits = load_digits("mnist", reference)
    assert digits.original
    assert [len(digits.images[split]) for split in SPLITS] == [50_000, 10_000, 10_000]


def test_optdigits_are_the_same_everywhere_and_lie_like_mnist_s(optdigits):
    assert optdigits.sha256.startswith("2e433cf0e32c5c1c")
    assert sum(len(images) for images in optdigits.images.values()) == 1797
    images = np.concatenate(list(optdigits.images.values()))
    assert not images[:, :4].any()
    assert not images[:, :, -4:].any()
    assert images.any(axis=(1, 2)).all()
    assert np.mean((images > 30) & (images < 225)) < 0.15  # crisp strokes: few grey pixels
