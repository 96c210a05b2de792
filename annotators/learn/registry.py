"""All methods of ``train-reference`` by name, those of other packages and of users among them."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from inspect import isabstract

from medmnist_det.errors import InputError, shown
from medmnist_det.plugins import loaded, plugin, plugin_names
from medmnist_det.reference.lessons import ENSEMBLE
from medmnist_det.reference.teacher import Teacher

#: Other packages name their teachers here: ``my-method = "my_package.my_module:MyTeacher"``.
GROUP = "medmnist_det.teachers"

_PLAIN = "annotators.learn.plain"

_OURS = {
    "oracle": f"{_PLAIN}:Oracle",
    "baseline": f"{_PLAIN}:Baseline",
    "wbf": f"{_PLAIN}:Wbf",
    "earl": f"{_PLAIN}:Earl",
    "majority-vote": f"{_PLAIN}:MajorityVote",
    "dawid-skene": f"{_PLAIN}:DawidSkene",
    "crowd-layer": "annotators.learn.crowd_layer:CrowdLayer",
    "vote": "annotators.learn.vote:Vote",
    "mbem": "annotators.learn.mbem:Mbem",
    "consensus": "annotators.learn.consensus:Consensus",
    "bdc": "annotators.learn.bdc:Bdc",
    "bdc-miss": "annotators.learn.bdc_miss:BdcMiss",
    "ema-teacher": "annotators.learn.ema_teacher:EmaTeacher",
}


def methods() -> tuple[str, ...]:
    """Return the names of all methods; ``rater:K`` stands for one rater of the data set."""
    others = (name for name in plugin_names(GROUP) if name not in _OURS)
    return (*_OURS, "rater:K", ENSEMBLE, *others)


def teacher_of(method: str) -> type[Teacher]:
    """Return the class of a method: ours, that of an entry point, or ``module:Class``.

    A module is also looked for in the current folder. Raises InputError for what does not exist or
    is no teacher; ``ensemble`` has none of its own.
    """
    kind, _, name = method.partition(":")
    where = f"{_PLAIN}:OneRater" if kind == "rater" and name else _OURS.get(method)
    if where is not None:
        return loaded(method, EntryPoint(method, where, GROUP))
    found = plugin(GROUP, method)
    if found is None:
        raise InputError(
            f"--method {shown(method)} is not known: choose {', '.join(methods())}, or name a "
            "class of your own as in my_module:MyTeacher"
        )
    if not (isinstance(found, type) and issubclass(found, Teacher)):
        raise InputError(
            f"--method {shown(method)}: this is no class that derives from "
            "medmnist_det.reference.Teacher"
        )
    if isabstract(found):
        raise InputError(f"--method {shown(method)}: its class has no lessons(); write that method")
    return found


def refuse_unknown(method: str) -> None:
    """Raise InputError for a method that does not exist."""
    if method != ENSEMBLE:
        teacher_of(method)


def fused_by(method: str) -> str | None:
    """Return the fused labels that a method needs, by their folder's name; None for none.

    Raises InputError for a method that does not exist.
    """
    return None if method == ENSEMBLE else teacher_of(method).fused
