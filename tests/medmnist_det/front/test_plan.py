"""From the words of the command to cells: what is meant, and what is refused."""

import pytest

from annotators.simulate.presets import preset_crowd
from evaluation.benchmark.cells import Setting
from medmnist_det.errors import InputError
from medmnist_det.front.plan import (
    crowd_of,
    method_of,
    recipe_options,
    seeds_of,
    settings_of,
    specs_of,
)
from tests.medmnist_det.front.inline import TINY


def test_a_method_may_bring_options_of_its_training():
    assert method_of("earl") == ("earl", {})
    assert method_of("earl+normalise-weights+confidence=share") == (
        "earl", {"normalise_weights": True, "confidence": "share"},
    )  # fmt: skip
    assert method_of("rater:2+lr=0.01+batch=3+shift=false") == (
        "rater:2", {"lr": 0.01, "batch": 3, "shift": False},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", "'best' is not known: choose oracle, baseline"),
        ("", "'' is not known"),
        ("earl+epochs=3", "epochs is one for all methods of a table; give it with"),
        ("earl+method=oracle", "method is one for all methods of a table"),
        ("earl+speed=3", r"--methods 'earl\+speed=3': 'speed=3' is no option of a training"),
        ("earl+lr=fast", r"'lr=fast' is no option of a training with its value \(.*float"),
        ("earl+lr", r"'lr' is no option"),
        ("earl+lr=7", "--lr 7 is not above 0 and up to 1"),
        ("earl+confidence=all", "--confidence 'all' is not known: choose count or share"),
        ("earl+loss=3", "'loss=3' is no option"),
    ],
)
def test_methods_that_do_not_exist_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        method_of(text)


def test_settings_are_presets_or_their_sweeps():
    assert settings_of(["paper", "crowd"], []) == [Setting(preset="paper"), Setting(preset="crowd")]
    found = settings_of(["paper"], ["proficiency=.5, 0.90", "family=ordered"])
    assert [one.name for one in found] == [
        "paper,proficiency=0.5", "paper,proficiency=0.9", "paper,family=ordered",
    ]  # fmt: skip


def test_a_sweep_changes_its_option_for_all_annotators():
    def crowd(option, value):
        return crowd_of(Setting(preset="paper", option=option, value=value))

    assert [one.proficiency for one in crowd("proficiency", "0.5")] == [0.5] * 3
    assert [one.family for one in crowd("family", "ordered")] == ["ordered"] * 3
    assert [one.box_noise for one in crowd("box-noise", "biased")] == ["biased"] * 3
    assert [one.spurious for one in crowd("spurious", "0.3")] == [0.3] * 3
    assert [one.coverage for one in crowd("coverage", "0.5")] == [0.5] * 3
    assert crowd("annotators", "5") == preset_crowd("paper")[:1] * 5


@pytest.mark.parametrize(
    ("presets", "sweeps", "message"),
    [
        (["best"], [], "--preset 'best' is not known: choose paper, paper-code"),
        (["paper", "paper"], [], "--presets: 'paper' is there twice"),
        ([], [], "--presets is empty"),
        (["paper"], ["proficiency"], "--sweep 'proficiency': give an option and its values"),
        (["paper"], ["proficiency=.5,"], "give an option and its values"),
        (["paper"], ["proficiency=high"], "--sweep proficiency: 'high' is no number"),
        (["paper"], ["annotators=2.5"], "--sweep annotators: '2.5' is no whole number"),
        (["paper"], ["proficiency=1.5"], "--proficiency 1.5 is not from 0 to 1"),
        (["paper"], ["annotators=0"], "--annotators 0 is not from 1 to 1000"),
        (["paper"], ["family=best"], "--family 'best' is not known: choose random"),
        (["paper"], ["speed=1"], "--sweep 'speed': choose annotators, proficiency"),
        (["paper"], ["proficiency=.5,0.50"], "--sweep: 'paper,proficiency=0.5' is there twice"),
        (["crowd"], ["annotators=5"], "--annotators 5 does not fit --preset crowd"),
    ],
)
def test_settings_that_do_not_exist_are_refused(presets, sweeps, message):
    with pytest.raises(InputError, match=message):
        settings_of(presets, sweeps)


def specs(methods, seeds=(0,), presets=("paper",)):
    return specs_of(methods, settings_of(presets, []), seeds, TINY, "test")


def test_cells_of_one_data_set_stand_beside_each_other():
    found = specs(["earl", "oracle"], (1, 2), ("paper", "sparse"))
    assert [one.data_name for one in found[::2]] == [one.data_name for one in found[1::2]]
    assert len({one.data_name for one in found}) == 4
    assert len({one.name for one in found}) == 8
    assert recipe_options(found[-1]) == {"method": "oracle", "model": "n", "epochs": 2, "seed": 2}


@pytest.mark.parametrize(
    ("methods", "seeds", "message"),
    [
        (["earl", "earl"], (0,), "--methods: 'earl' is there twice"),
        ([], (0,), "--methods is empty"),
        (["earl"], (1, 1), "--seeds: 1 is there twice"),
        (["earl"], (-1,), "--seeds -1 is not from 0"),
        (["rater:4"], (0,), "'rater:4': paper has no such rater; its raters are 1, 2, 3"),
        (["rater:x+lr=0.1"], (0,), "'rater:x': paper has no such rater"),
    ],
)
def test_cells_that_cannot_be_are_refused(methods, seeds, message):
    with pytest.raises(InputError, match=message):
        specs(methods, seeds)


def test_seeds_are_those_of_published_tables_unless_given():
    assert seeds_of(None, TINY) == (20, 21, 22)
    assert seeds_of("0,4", TINY) == (0, 4)
    with pytest.raises(InputError, match="--seeds '1.5' is no whole number"):
        seeds_of("1.5", TINY)
