"""The one exception for what the user can mend, and how its message shows values."""

from __future__ import annotations

from collections.abc import Iterable

# Characters of a message: what two lines of a wide terminal hold. File names may have 255 each.
_LONGEST = 480


class InputError(ValueError):
    """Raised when a file, an option or the machine is at fault, not this program.

    The message is one sentence that names the file or option, the entry, the value and the remedy.
    The command line shows it without a traceback and exits with code 2; functions that people call
    name arguments in place of options (:mod:`medmnist_det.arguments`). Whatever stands in it, a
    file's name with a line break say, it is one line of a few hundred characters that steers no
    terminal.
    """

    def __str__(self) -> str:
        text = "".join(map(_harmless, super().__str__()))
        if len(text) <= _LONGEST:
            return text
        # The file stands at the beginning of a sentence, the remedy at its end.
        return f"{text[: _LONGEST * 2 // 3]} ... {text[-(_LONGEST // 3 - 5) :]}"


def _harmless(sign: str) -> str:
    return sign if sign.isprintable() else repr(sign)[1:-1]


def shown(value: object) -> str:
    """Return a value as a message shows it: as Python writes it, cut after 100 characters."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply; a number of too many digits
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 100 else f"{text[:97]}..."


def listed(values: Iterable[object], most: int = 10) -> str:
    """Return values with commas between them, each cut after 40 characters, ``most`` at most."""
    texts = [str(value) for value in values]
    short = [text if len(text) <= 40 else f"{text[:37]}..." for text in texts[:most]]
    more = [f"... ({len(texts):,} in all)"] if len(texts) > most else []
    return ", ".join(short + more)


class RefusedError(InputError):
    """Raised when the system refused something, a full disk say: the same may be done later."""
