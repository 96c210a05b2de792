import io
import zipfile

import pytest
import torch

from medmnist_det.errors import InputError
from medmnist_det.reference.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from medmnist_det.reference.model import SIZES, Detector


@pytest.fixture
def checkpoint():
    model = Detector(SIZES["n"], torch.rand(2, 3, 2) * 40, 3)
    weights = model.state_dict()
    about = {
        "size": "n",
        "classes": {"ids": [1, 2, 3], "names": ["a", "b", "c"]},
        "recipe": {"epochs": 5},
        "history": [{"epoch": 1}],
    }
    moments = {0: {"step": torch.tensor(3.0), "exp_avg": torch.rand(4)}}
    return Checkpoint(about=about, average=weights, weights=weights, moments=moments)


def test_what_is_written_is_what_is_read(checkpoint, tmp_path):
    save_checkpoint(tmp_path / "a.pt", checkpoint)
    found = load_checkpoint(tmp_path / "a.pt")
    assert found.about == checkpoint.about
    assert found.epoch == 1
    assert found.classes.names == ("a", "b", "c")
    for name, tensor in checkpoint.weights.items():
        assert torch.equal(found.weights[name], tensor)
        assert torch.equal(found.detector().state_dict()[name], tensor)
    assert torch.equal(found.moments[0]["exp_avg"], checkpoint.moments[0]["exp_avg"])
    assert list(tmp_path.iterdir()) == [tmp_path / "a.pt"]


class Trap:
    def __reduce__(self):
        return (print, ("a pickled object ran code",))


def broken(kind, whole):
    if kind == "short":
        return whole[: len(whole) // 2]
    if kind == "flipped":
        middle = len(whole) // 2
        return whole[: middle - 500] + bytes(1000) + whole[middle + 500 :]
    if kind == "text":
        return b"{}"
    if kind == "empty":
        return b""
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("data.pkl", b"x")
        return buffer.getvalue()
    buffer = io.BytesIO()
    content = {"pickled": {"format": 1, "about": Trap()}, "list": [1, 2], "plain": {"format": 1}}
    torch.save(content[kind], buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "kind", ["short", "flipped", "text", "empty", "zip", "pickled", "list", "plain"]
)
def test_what_is_no_whole_checkpoint_is_refused_in_one_sentence(kind, checkpoint, tmp_path, capsys):
    path = tmp_path / "a.pt"
    save_checkpoint(path, checkpoint)
    path.write_bytes(broken(kind, path.read_bytes()))
    with pytest.raises(InputError, match=r"a\.pt: .*train again") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert "ran code" not in capsys.readouterr().out


def test_a_checkpoint_of_another_version_or_another_number_of_classes_is_refused(
    checkpoint, tmp_path
):
    path = tmp_path / "a.pt"
    save_checkpoint(path, checkpoint)
    content = torch.load(path, weights_only=True)
    torch.save(content | {"format": 99}, path)
    with pytest.raises(InputError, match="checkpoint format 99, this version reads 1"):
        load_checkpoint(path)
    checkpoint.about["classes"] = {"ids": [1], "names": ["a"]}
    save_checkpoint(path, checkpoint)
    with pytest.raises(InputError, match="its parts do not fit together"):
        load_checkpoint(path)


def test_an_absent_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.pt: No such file"):
        load_checkpoint(tmp_path / "no.pt")
