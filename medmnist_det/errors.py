"""The one exception for what the user can mend, and how its message shows a value."""


class InputError(Exception):
    """Raised when a file, an option or the machine is at fault, not this program.

    The message is one sentence that names the file or option, the entry, the value and the remedy.
    The command line shows it without a traceback and exits with code 2.
    """


def shown(value: object) -> str:
    """Return a value as a message shows it: as Python writes it, cut after 100 characters."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


class RefusedError(InputError):
    """Raised when the system refused something, a full disk say: the same may be done later."""
