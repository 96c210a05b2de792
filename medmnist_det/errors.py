"""The one exception for what the user can mend."""


class InputError(Exception):
    """Raised when a file, an option or the machine is at fault, not this program.

    The message is one sentence that names the file or option, the entry, the value and the remedy.
    The command line shows it without a traceback and exits with code 2.
    """


class RefusedError(InputError):
    """Raised when the system refused something, a full disk say: the same may be done later."""
