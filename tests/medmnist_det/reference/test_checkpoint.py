import io
import json
import zipfile

import pytest
import torch

from medmnist_det.errors import InputError
from medmnist_det.labels import Classes
from medmnist_det.reference.checkpoint import (
    FORMAT,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from medmnist_det.reference.device import CPU
from medmnist_det.reference.learner import Learner
from medmnist_det.reference.loss import Targets
from medmnist_det.reference.recipe import Recipe

NAN = float("nan")
ROW = {
    "epoch": 1,
    "seconds": 1.5,
    "images_per_second": 9.0,
    "learning_rate": 1e-3,
    "loss": {"total": 2.0},
    "validation": {"mAP@0.4": None},
}


@pytest.fixture(scope="module")
def learned():
    """A detector after one step."""
    learner = Learner(Recipe(epochs=5), torch.rand(2, 3, 2) * 40 + 1, 3, CPU)
    box = torch.tensor([[[1.0, 1, 9, 9]]])
    targets = Targets(box, torch.ones(1, 1, 3) / 3, torch.ones(1, 1), torch.zeros(1, 1, 0))
    learner.step(torch.zeros(1, 1, 32, 32, dtype=torch.uint8), targets, 0.5)
    return learner


@pytest.fixture
def checkpoint(learned):
    return Checkpoint(
        recipe=learned.recipe,
        classes=Classes(ids=(1, 2, 3), names=("a", "b", "c")),
        taught={"lessons": "l", "images": "i"},
        steps=learned.steps,
        history=(ROW,),
        **learned.state(),
    )


@pytest.fixture
def file(checkpoint, tmp_path):
    save_checkpoint(tmp_path / "a.pt", checkpoint)
    return tmp_path / "a.pt"


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_what_is_written_is_what_is_read(checkpoint, file):
    found = load_checkpoint(file)
    for name in ("recipe", "classes", "taught", "steps", "history"):
        assert getattr(found, name) == getattr(checkpoint, name)
    assert equal(found.average, checkpoint.average)
    assert equal(found.weights, checkpoint.weights)
    assert equal(found.detector().state_dict(), checkpoint.average)
    assert found.moments.keys() == checkpoint.moments.keys()
    assert all(equal(found.moments[k], checkpoint.moments[k]) for k in found.moments)
    assert list(file.parent.iterdir()) == [file]


def test_one_from_before_the_first_step_is_whole(tmp_path):
    learner = Learner(Recipe(), torch.ones(2, 3, 2), 1, CPU)
    fresh = Checkpoint(
        recipe=learner.recipe,
        classes=Classes(ids=(7,), names=("x",)),
        taught={"lessons": "", "images": ""},
        steps=0,
        history=(),
        **learner.state(),
    )
    save_checkpoint(tmp_path / "a.pt", fresh)
    assert load_checkpoint(tmp_path / "a.pt").moments == {}


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
    content = {
        "pickled": {"format": 2, "about": Trap()},
        "list": [1, 2],
        "tensor": torch.ones(3),
        "plain": {"format": FORMAT},
        "first format": {"format": 1, "about": "{}"},
    }
    torch.save(content[kind], buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "kind",
    [
        "short",
        "flipped",
        "text",
        "empty",
        "zip",
        "pickled",
        "list",
        "tensor",
        "plain",
        "first format",
    ],
)
def test_what_is_no_whole_checkpoint_is_refused_in_one_sentence(kind, file, capsys):
    file.write_bytes(broken(kind, file.read_bytes()))
    with pytest.raises(InputError, match=r"a\.pt: .*train again") as caught:
        load_checkpoint(file)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "ran code" not in capsys.readouterr().out


def test_another_version_is_named(file):
    file.write_bytes(broken("first format", b""))
    with pytest.raises(InputError, match="checkpoint format 1, this version reads 4; train again"):
        load_checkpoint(file)


def without(key):
    return lambda content: content.pop(key)


def about(**changes):
    """Change the text; ... removes a field."""

    def change(content):
        found = json.loads(content["about"]) | changes
        content["about"] = json.dumps({k: v for k, v in found.items() if v is not ...})

    return change


def recipe(**changes):
    def change(content):
        found = json.loads(content["about"])
        found["recipe"] |= changes
        found["recipe"] = {k: v for k, v in found["recipe"].items() if v != "absent"}
        content["about"] = json.dumps(found)

    return change


def tensor(part, name, value):
    def change(content):
        content[part] = content[part] | {name: value}

    return change


def spoilt(part, value):
    def change(content):
        name = "stem.0.weight"
        one = content[part][name].clone()
        one[0, 0, 0, 0] = value
        content[part] = content[part] | {name: one}

    return change


def moment(row, **changes):
    def change(content):
        content["moments"] = {
            **content["moments"],
            row: {**content["moments"].get(row, {}), **changes},
        }

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("about"), "about"),
        (without("average"), "average"),
        (without("weights"), "weights"),
        (without("moments"), "moments"),
        (lambda content: content.update(about=3), "."),
        (lambda content: content.update(about="{"), "."),
        (lambda content: content.update(weights=[]), "."),
        (lambda content: content.update(average={}), "anchors"),
        (lambda content: content.update(moments={}), "moments"),
        (lambda content: content.update(moments=None), "."),
        (about(history=...), "history"),
        (about(steps=...), "steps"),
        (about(recipe=...), "recipe"),
        (about(taught=...), "taught"),
        (about(classes=...), "classes"),
        (about(more=1), "more"),
        (about(history=[{"epoch": 1}]), "seconds"),
        (about(history=[ROW | {"seconds": "long"}]), "history"),
        (about(history=[ROW] * 6), "6 of 5 epochs"),
        (about(history=[]), "1 steps were done in 0 epochs"),
        (about(steps=-1), "steps"),
        (about(steps=0), "steps"),
        (about(classes={"ids": [1], "names": ["a"]}), "."),
        (about(classes={"ids": [1, 2, 2], "names": ["a", "b", "c"]}), "id of their own"),
        (about(classes={"ids": [1, 2, 3], "names": ["a", "b"]}), "name"),
        (about(classes={"ids": [], "names": []}), "name"),
        (recipe(rate=1), "rate"),
        (recipe(lr="absent"), "lr"),
        (recipe(model="xxl"), "xxl"),
        (recipe(model="s"), "."),
        (recipe(precision="auto"), "precision"),
        (tensor("average", "anchors", torch.ones(2, 3)), "anchors"),
        (tensor("average", "anchors", torch.ones(2, 4, 2)), "anchors"),
        (tensor("weights", "anchors", torch.ones(3, 3, 2)), "anchors"),
        (tensor("average", "anchors", torch.zeros(2, 3, 2)), "anchors"),
        (tensor("average", "anchors", torch.full((2, 3, 2), NAN)), "anchors"),
        (tensor("average", "anchors", "wide"), "."),
        (tensor("weights", "more", torch.ones(1)), "."),
        (tensor("weights", "stem.0.weight", torch.ones(1)), "."),
        (spoilt("average", NAN), "stem.0.weight holds what is no finite number"),
        (spoilt("weights", float("inf")), "stem.0.weight holds what is no finite number"),
        (moment(3, exp_avg=torch.ones(2)), "moment 3"),
        (moment(3, more=torch.ones(2)), "moment 3"),
        (moment(0, step=torch.tensor(NAN)), "step holds what is no finite number"),
        (moment(999, step=torch.tensor(1.0)), "moments"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_sentence(change, reason, file):
    content = torch.load(file, weights_only=True)
    change(content)
    torch.save(content, file)
    with pytest.raises(
        InputError, match=rf"a\.pt: its parts do not fit .*{reason}.*train again"
    ) as caught:
        load_checkpoint(file)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_absent_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.pt: No such file"):
        load_checkpoint(tmp_path / "no.pt")
