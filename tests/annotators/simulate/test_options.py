import pytest

from annotators.simulate.annotator import draw_annotators
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import PRESETS, crowd_options
from medmnist_det.errors import InputError


def test_the_paper_is_the_default():
    assert (
        crowd_options()
        == (AnnotatorOptions(proficiency=0.8, family="random", box_noise="iou"),) * 3
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_crowd(preset):
    assert crowd_options(preset)


def test_presets_have_the_published_numbers():
    assert len(crowd_options("radiology")) == 17
    assert sum(one.coverage for one in crowd_options("radiology")) == pytest.approx(3)
    assert len(crowd_options("experts-and-novices")) == 25
    assert sum(one.coverage for one in crowd_options("crowd")) == pytest.approx(9.15)
    assert sum(one.coverage for one in crowd_options("sparse")) == pytest.approx(1)
    assert [one.family for one in crowd_options("adversary")].count("adversarial") == 1


def test_values_are_for_all_or_for_each():
    both = crowd_options(annotators=2, proficiency=[0.9], spurious=[0.1, 0.2], family=None)
    assert [one.proficiency for one in both] == [0.9, 0.9]
    assert [one.spurious for one in both] == [0.1, 0.2]


def test_a_sparse_crowd_of_any_size_stays_at_one_annotator_an_image():
    assert sum(one.coverage for one in crowd_options("sparse", annotators=8)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"annotators": 0}, "--annotators 0 is not from 1 to 1000"),
        ({"annotators": 1001}, "--annotators 1001 is not from 1 to 1000"),
        (
            {"preset": "radiology", "annotators": 3},
            "does not fit --preset radiology, whose 17 annot",
        ),
        ({"preset": "nothing"}, "--preset 'nothing' is not known: choose paper, paper-code"),
        (
            {"proficiency": [0.9, 0.8]},
            "--proficiency has 2 values for 3 annotators: give one value",
        ),
        ({"proficiency": [1.2]}, "--proficiency 1.2 is not from 0 to 1"),
        ({"proficiency": [float("nan")]}, "--proficiency nan is not from 0 to 1"),
        ({"family": ["wild"]}, "--family 'wild' is not known: choose random, uniform"),
        ({"box_noise": ["wild"]}, "--box-noise 'wild' is not known: choose iou, gaussian, biased"),
        ({"spurious": [-1]}, "--spurious -1 is not from 0 to 10"),
        ({"coverage": [0]}, "--coverage 0 is not a share above 0"),
    ],
)
def test_impossible_crowds_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        crowd_options(**options)


@pytest.mark.parametrize("preset", PRESETS)
def test_p_is_what_a_preset_says_but_where_it_is_the_paper_s(preset):
    crowd = crowd_options(preset)
    for one, annotator in zip(crowd, draw_annotators(crowd, 10, 0), strict=True):
        right = annotator.matrix.diagonal()[:-1]
        if one.family in ("uniform", "pairwise-flipper", "instance"):
            assert right == pytest.approx(one.proficiency)
        else:
            assert one.family in ("hammer-spammer", "adversarial") or preset in ("paper", "sparse")


def test_experts_are_experts_and_novices_are_not():
    crowd = crowd_options("experts-and-novices")
    right = [one.matrix.diagonal()[:-1].min() for one in draw_annotators(crowd, 10, 3)]
    assert min(right[:5]) > 0.94
    assert max(right[5:]) < 0.71


def test_the_editions_of_the_paper_keep_their_options():
    paper = {"proficiency": 0.8, "spurious": 0.0, "coverage": 1.0}
    for preset, law in (
        ("paper", {"family": "random", "box_noise": "iou"}),
        ("paper-code", {"family": "uniform", "box_noise": "gaussian"}),
    ):
        assert [one.described() for one in crowd_options(preset)] == [paper | law] * 3
