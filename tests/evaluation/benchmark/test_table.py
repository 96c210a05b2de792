"""The tables as they are printed: numbers against counting by hand, and what is missing."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from evaluation.benchmark.cells import Score, Setting, Spec
from evaluation.benchmark.files import shown
from evaluation.benchmark.table import blocks
from tests.evaluation.benchmark.made import QUICK, SCORES, cell, cells
from tests.printed import tables

TITLE = "paper, budget quick, test split, seeds 20, 21, 22, MNIST"


def printed(found, wanted=()):
    return text_of(shown(blocks(found, wanted)), 400)


def text_of(what, width):
    console = Console(width=width, file=io.StringIO())
    console.print(what, crop=False)
    return console.file.getvalue()


def scores(method, metric=1):
    return np.array([row[metric] for row in SCORES[method]])


def test_means_deviations_and_intervals_are_those_of_the_seeds():
    table = tables(printed(cells()))[TITLE]
    assert table.headers == ["method", "runs", *["mAP@0.4", "sd", "95% interval", "gap closed"],
                             *["mAP@[.5:.95]", "sd", "95% interval", "gap closed"]]  # fmt: skip
    assert table.column("method") == ["oracle", "dawid-skene", "earl", "baseline"]
    assert table.column("runs") == ["3"] * 4
    for k, metric in enumerate(("mAP@0.4", "mAP@[.5:.95]")):
        for method, mean, sd, interval in zip(
            table.column("method"), table.column(metric), table.column("sd", k),
            table.column("95% interval", k), strict=True,
        ):  # fmt: skip
            values = scores(method, k)
            low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
            assert mean == f"{values.mean():.4f}"
            assert sd == f"{values.std(ddof=1):.4f}"
            assert interval == f"{low:.4f} to {high:.4f}"


def test_the_gap_closed_is_the_share_of_the_means():
    table = tables(printed(cells()))[TITLE]
    means = {method: scores(method).mean() for method in SCORES}
    share = (means["earl"] - means["baseline"]) / (means["oracle"] - means["baseline"])
    oracle, dawid_skene, earl, baseline = table.column("gap closed", 1)
    assert (oracle, baseline) == ("-", "-")
    assert earl.startswith(f"{100 * share:.0f}% (")
    assert dawid_skene == "51% (49 to 53)"


def test_without_one_of_its_ends_there_is_no_gap():
    some = [one for one in cells() if one.spec.method != "oracle"]
    text = printed(some)
    assert set(tables(text)[TITLE].column("gap closed", 1)) == {"-"}
    assert "undefined" not in text


def test_a_gap_within_noise_is_undefined_and_said_to_be():
    noisy = []
    for k, one in enumerate(cells()):
        if one.spec.method == "oracle":
            value = 0.70 + 0.08 * (k % 3)
            one = replace(one, scores=one.scores | {"mAP@[.5:.95]": Score(value=value)})
        noisy.append(one)
    text = printed(noisy)
    assert tables(text)[TITLE].row("earl")[-1] == "undefined"
    assert "gap closed is undefined where 0 lies in the 95% interval of oracle - baseline." in text


def test_one_seed_has_neither_deviation_nor_differences():
    text = printed(cells(1))
    table = tables(text)["paper, budget quick, test split, seed 20, MNIST"]
    assert table.row("earl")[1:4] == ["0.9530", "-", "-"]
    # Half of the images' interval is .004 for either: the gap of .015 is more than .0057.
    assert table.row("earl")[4] == "60%"
    assert "paired by seed" not in text


def test_differences_are_paired_and_their_p_allow_for_all_of_them():
    text = printed(cells())
    table = tables(text)["mAP@[.5:.95], paired by seed: paper, budget quick"]
    pairs = [("oracle", "baseline"), ("dawid-skene", "baseline"), ("earl", "baseline"),
             ("oracle", "earl"), ("dawid-skene", "earl")]  # fmt: skip
    p = {
        (metric, *pair): stats.ttest_rel(*(scores(one, metric) for one in pair)).pvalue
        for metric in (0, 1)
        for pair in pairs
    }
    rank = sorted(p, key=p.get)
    holm, least = {}, 0
    for k, key in enumerate(rank):
        least = max(least, min(1, p[key] * (10 - k)))
        holm[key] = least
    for method, reference in pairs:
        gain = scores(method) - scores(reference)
        low, high = stats.t.interval(0.95, 2, gain.mean(), stats.sem(gain))
        cells_ = table.row(method)[0 if reference == "baseline" else 3 :]
        assert cells_[0] == f"{gain.mean():+.4f}"
        if gain.std() > 1e-9:
            assert cells_[1] == f"{low:+.4f} to {high:+.4f}"
        shown_p = holm[1, method, reference]
        assert cells_[2] == ("<.001" if shown_p < 0.001 else f"{shown_p:.3f}".lstrip("0"))
    assert table.row("earl")[3:] == ["-", "-", "-"]
    assert "allowing for the 10 comparisons of this setting and budget (Holm)" in text


def test_labels_and_cost_are_means_over_seeds():
    found = [replace(one, cpu_minutes=2 * (one.minutes or 0)) for one in cells()]
    table = tables(printed(found))["Labels and cost: paper, budget quick"]
    assert table.row("oracle") == ["-", "-", "-", "1.7", "3.4"]
    assert table.row("dawid-skene") == ["0.900", "0.890", "4.4e-04", "1.7", "3.4"]


def test_the_paper_s_table_stands_beside_ours():
    text = printed(cells())
    table = tables(text)["The paper's Table 1 beside ours (budget quick)"]
    assert table.headers[1:] == [
        "mAP@0.4 paper",
        "mAP@0.4 here",
        "mAP@[.5:.95] paper",
        "mAP@[.5:.95] here",
    ]
    assert table.row("baseline") == ["0.975", "0.9397", "0.815", "0.7633"]
    assert table.row("WBF+EARL") == ["0.980", "0.9497", "0.849", "0.7677"]
    assert table.row("WBF+EARL - baseline") == ["+0.005", "+0.0100", "+0.034", "+0.0043"]
    assert "on data of their own, which were not published" in text
    other = [
        replace(one, spec=replace(one.spec, setting=Setting(preset="crowd"))) for one in cells()
    ]
    assert "The paper's Table 1" not in printed(other)


def wanted(*methods, seeds=(20, 21, 22)):
    setting = Setting(preset="paper")
    return [Spec(method=m, setting=setting, seed=s, budget=QUICK) for m in methods for s in seeds]


def test_failed_and_missing_cells_are_shown_as_such():
    found = [
        replace(one, error="boom", scores={}) if one.spec.name == "paper-quick-earl-21" else one
        for one in cells()
        if one.spec.name != "paper-quick-oracle-22"
    ]
    text = printed(found, wanted(*SCORES, "wbf"))
    table = tables(text)[TITLE]
    assert table.row("earl")[:2] == ["2, 1 failed", f"{scores('earl', 0)[[0, 2]].mean():.4f}"]
    assert table.row("oracle")[0] == "2, 1 missing"
    assert table.row("wbf") == ["3 missing", *["-"] * 8]
    assert "failed cells are tried again when the same command is run again." in text


def test_what_is_not_asked_for_is_not_shown():
    text = printed(cells(), wanted("earl", seeds=(20,)))
    table = tables(text)["paper, budget quick, test split, seed 20, MNIST"]
    assert table.column("method") == ["earl"]


def test_two_budgets_never_share_a_table():
    paper = replace(QUICK, name="paper", epochs=32)
    found = tables(printed([*cells(), *cells(budget=paper)]))
    assert TITLE in found
    assert TITLE.replace("quick", "paper") in found
    assert [found[t].column("runs") for t in (TITLE, TITLE.replace("quick", "paper"))] == [
        ["3"] * 4
    ] * 2


def given(seed=20, fingerprint=None):
    one = cell("theirs", seed, 0.96, 0.79, budget=None, labels=None, minutes=None)
    data = replace(one.data, fingerprint=fingerprint or one.data.fingerprint)
    return replace(one, data=data)


def test_predictions_that_were_given_are_marked():
    text = printed([*cells(), given()])
    table = tables(text)[TITLE]
    assert table.row("theirs *")[0] == "1"
    assert "* predictions that were given: nobody knows their budget" in text
    assert "theirs" not in "".join(
        tables(text)["Labels and cost: paper, budget quick"].column("method")
    )


def test_predictions_of_other_data_stand_in_no_table():
    assert "theirs" not in printed([*cells(), given(fingerprint="f" * 64)])


def test_a_note_says_where_devices_differ():
    found = cells()
    found[0] = replace(found[0], made=replace(found[0].made, device="cuda"))
    assert "trained on different devices: cpu in bfloat16; cuda in bfloat16." in printed(found)
    assert "different devices" not in printed(cells())


def sweep(values=("0.5", "0.9")):
    settings = [Setting(preset="paper", option="proficiency", value=value) for value in values]
    return [one for setting in settings for one in cells(setting=setting)]


def test_a_sweep_is_one_table_with_a_row_for_every_value_and_method():
    text = printed(sweep())
    (table,) = tables(text).values()
    assert table.title == TITLE.replace("paper,", "paper by proficiency,")
    assert table.headers[:3] == ["proficiency", "method", "runs"]
    assert table.column("proficiency") == ["0.5"] * 4 + ["0.9"] * 4
    assert table.column("method") == ["oracle", "dawid-skene", "earl", "baseline"] * 2
    assert table.column("gap closed", 1)[1] == "51% (49 to 53)"


@pytest.mark.parametrize("width", [60, 100])
def test_a_narrow_terminal_cuts_no_number(width):
    text = text_of(shown(blocks(cells())), width)
    for method in SCORES:
        assert f"{scores(method).mean():.4f}" in text
