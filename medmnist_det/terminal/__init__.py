"""How things are printed: results, notes, bars and tables, plain in a pipe."""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from medmnist_det.terminal.console import err as err
    from medmnist_det.terminal.console import naming_output as naming_output
    from medmnist_det.terminal.console import out as out
    from medmnist_det.terminal.console import progress as progress
    from medmnist_det.terminal.console import say as say
    from medmnist_det.terminal.console import stages as stages
    from medmnist_det.terminal.console import tell as tell
    from medmnist_det.terminal.console import training as training
    from medmnist_det.terminal.option_text import numbers as numbers
    from medmnist_det.terminal.option_text import pair as pair
    from medmnist_det.terminal.option_text import words as words
    from medmnist_det.terminal.summary import annotator_table as annotator_table
    from medmnist_det.terminal.tables import Table as Table
    from medmnist_det.terminal.tables import plain as plain

__all__ = [
    "Table",
    "annotator_table",
    "err",
    "naming_output",
    "numbers",
    "out",
    "pair",
    "plain",
    "progress",
    "say",
    "stages",
    "tell",
    "training",
    "words",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "Table": "medmnist_det.terminal.tables",
        "annotator_table": "medmnist_det.terminal.summary",
        "err": "medmnist_det.terminal.console",
        "naming_output": "medmnist_det.terminal.console",
        "numbers": "medmnist_det.terminal.option_text",
        "out": "medmnist_det.terminal.console",
        "pair": "medmnist_det.terminal.option_text",
        "plain": "medmnist_det.terminal.tables",
        "progress": "medmnist_det.terminal.console",
        "say": "medmnist_det.terminal.console",
        "stages": "medmnist_det.terminal.console",
        "tell": "medmnist_det.terminal.console",
        "training": "medmnist_det.terminal.console",
        "words": "medmnist_det.terminal.option_text",
    },
)
