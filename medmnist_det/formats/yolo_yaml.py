"""The class names in a YOLO data.yaml, read node by node: nothing else there is of use here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medmnist_det.errors import InputError, shown
from medmnist_det.files import read_text, regular

if TYPE_CHECKING:
    import yaml

_SHAPE = "a data.yaml has 'names', a list of class names or one numbered from 0"

# Levels of nesting. Beyond any data.yaml's; each costs the library more time than the one before.
_DEEPEST = 50


def class_names(path: Path) -> tuple[str, ...]:
    """Return the class names of a data.yaml, as they are written there: ``no`` is no false.

    Raises InputError for a file without any, for numbers that are not 0 to n - 1, and for aliases,
    with which a few lines can stand for billions.
    """
    import yaml

    root = _compose(path)
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}: holds no keys; {_SHAPE}")
    found = [value for key, value in root.value if key.value == "names"]
    if len(found) != 1:
        raise InputError(f"{path}: has {'two' if found else 'no'} 'names'; {_SHAPE}")
    names = found[0].value
    if isinstance(found[0], yaml.MappingNode):
        names = _in_order(path, names)
    if not isinstance(names, list) or not names:
        raise InputError(f"{path}: has no 'names'; {_SHAPE}")
    for k, node in enumerate(names):
        if not isinstance(node, yaml.ScalarNode):
            raise InputError(f"{path}: name {k} is no text; {_SHAPE}")
        if not node.value and node.style is None:
            raise InputError(f"{path}: class {k} has no name; {_SHAPE}")
        if any("\ud800" <= sign <= "\udfff" for sign in node.value):
            raise InputError(f"{path}: name {k} holds the half of a character; remove it")
    return tuple(node.value for node in names)


def _compose(path: Path) -> yaml.Node | None:
    import yaml

    class Loader(yaml.BaseLoader):
        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise InputError(f"{path}: holds an alias (*); write out what it stands for")
            self.depth = getattr(self, "depth", 0) + 1
            if self.depth > _DEEPEST:
                raise InputError(f"{path}: is nested too deeply; {_SHAPE}")
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    text = read_text(regular(path))
    try:
        return yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line + 1
        raise InputError(f"{path}, line {line}: is not YAML ({error.problem})") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not YAML ({str(error).splitlines()[0]})") from error


def _in_order(path: Path, pairs: list[tuple[yaml.Node, yaml.Node]]) -> list[yaml.Node]:
    """Return the values of keys that are the numbers from 0, each once."""
    by_key = {str(key.value): value for key, value in pairs}
    wanted = list(map(str, range(len(pairs))))
    missing = [key for key in wanted if key not in by_key]
    if missing:
        strange = next((key for key in by_key if key not in wanted), None)
        instead = (
            "one key is there twice" if strange is None else f"instead there is {shown(strange)}"
        )
        raise InputError(f"{path}: 'names' has no key {missing[0]}, {instead}; {_SHAPE}")
    return [by_key[key] for key in wanted]
