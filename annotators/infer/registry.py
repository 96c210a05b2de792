"""All methods by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from annotators.infer.methods.bayes_truth import bayes_truth
from annotators.infer.methods.dawid_skene import EmOptions, dawid_skene
from annotators.infer.methods.majority_vote import majority_vote
from annotators.infer.methods.selection import all_boxes, one_rater
from annotators.infer.methods.wbf import WbfOptions, wbf
from annotators.infer.parts.result import Inference, Raters
from medmnist_det.errors import InputError, shown
from medmnist_det.labels import LabelSet
from medmnist_det.plugins import plugin, plugin_names

#: Other packages name their methods here: ``my-method = "my_package.my_module:my_method"``, a
#: function of a crowd (a label set with raters) that returns an :class:`Inference`.
GROUP = "medmnist_det.aggregation"

#: Beside these there is ``rater:K``, and what :data:`GROUP` and users add. The last is privileged:
#: it needs the simulator's matrices.
METHODS = ("all", "majority-vote", "wbf", "wbf-agnostic", "dawid-skene", "bayes-truth")


# The options that each method knows; ``rater:K`` knows none.
_KNOWS = {
    "majority-vote": ("iou",),
    "wbf": ("iou", "weights"),
    "wbf-agnostic": ("iou", "weights"),
    "dawid-skene": ("iou", "iterations"),
    "bayes-truth": ("iou", "iterations"),
}


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """Options of all methods. A method refuses what it does not know, and checks the bounds."""

    #: IoU from which boxes mean one object. None: the method's own.
    iou: float | None = None
    #: Weights of the raters in WBF.
    weights: tuple[float, ...] | None = None
    #: Most rounds of EM. None: 1000.
    iterations: int | None = None


def infer(
    method: str,
    crowd: LabelSet,
    options: InferenceOptions | None = None,
    truth: Raters | None = None,
) -> Inference:
    """Return what a method makes of crowd labels; ``truth``, the raters as they are, may be known.

    Raises InputError for an unknown method, for an option that the method does not know, and for
    ``bayes-truth`` without ``truth``.
    """
    options = options or InferenceOptions()
    if method not in METHODS and not method.startswith("rater:"):
        _of_others(method)  # a method that does not exist is told before its options
    check_options(method, options)
    if len(crowd.classes) == 0:
        raise InputError(
            "nothing names the crowd's classes: a COCO file lists them under 'categories', in "
            "Python classes= does; name them"
        )
    kind, _, name = method.partition(":")
    if kind == "rater" and name:
        return one_rater(crowd, name)
    match method:
        case "all":
            return all_boxes(crowd)
        case "majority-vote":
            return majority_vote(crowd, iou=_em(options).iou)
        case "wbf" | "wbf-agnostic":
            iou = WbfOptions.iou if options.iou is None else options.iou
            by_class = method == "wbf"
            return wbf(crowd, WbfOptions(iou=iou, by_class=by_class, weights=options.weights))
        case "dawid-skene":
            return dawid_skene(crowd, _em(options))
        case "bayes-truth":
            if truth is None:
                raise InputError(
                    "--method 'bayes-truth' needs the annotators.json of a data set, or the one "
                    "that 'annotate' wrote beside a crowd.json: name either with --data or "
                    "--crowd, or choose dawid-skene"
                )
            return bayes_truth(crowd, truth, _em(options))
    found = _of_others(method)(crowd)
    if not isinstance(found, Inference):
        raise InputError(
            f"--method {shown(method)}: returned a {type(found).__name__}, not an "
            "annotators.infer.Inference; mend the method"
        )
    return found


def methods() -> tuple[str, ...]:
    """Return the names of all methods; ``rater:K`` stands for one rater."""
    others = (name for name in plugin_names(GROUP) if name not in METHODS)
    return (*METHODS, "rater:K", *others)


def _of_others(method: str) -> Callable[[LabelSet], Inference]:
    found = plugin(GROUP, method)
    if found is None:
        raise InputError(
            f"--method {shown(method)} is not known: choose {', '.join(methods())}, or name a "
            "function of your own as in my_module:my_method"
        )
    if not callable(found):
        raise InputError(f"--method {shown(method)}: this is no function of a crowd")
    return found  # type: ignore[return-value]


def _em(options: InferenceOptions) -> EmOptions:
    given = {"iou": options.iou, "iterations": options.iterations}
    return EmOptions(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def check_options(method: str, options: InferenceOptions) -> None:
    """Raise InputError for an option that the method would pass over."""
    for field in fields(options):
        value = getattr(options, field.name)
        if value is None or field.name in _KNOWS.get(method, ()):
            continue
        if isinstance(value, tuple):
            value = ",".join(f"{one:g}" for one in value)
        users = ", ".join(name for name, known in _KNOWS.items() if field.name in known)
        raise InputError(
            f"--{field.name} {value} goes with --method {users}, not {method!r}: drop it"
        )


def folder_name(method: str) -> str:
    """Return what the folder of a method's labels is called (a colon is no part of a file name).

    Raises InputError where the name of a rater would lead out of the folder.
    """
    if any(sign in method for sign in "/\\\0"):
        raise InputError(
            f"--method {method!r} cannot name a folder; give that rater a name without slashes"
        )
    return method.replace(":", "-")
