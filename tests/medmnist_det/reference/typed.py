"""The commands of the detector as somebody types them, with the smallest training."""

import contextlib

from typer.testing import CliRunner

from cli import app


def call(*words, code=0):
    found = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == code, found.output
    return " ".join(found.output.split())


def start(data, out, *more, code=0):
    return call(
        "train-reference", "--data", data, "--out", out, "--device", "cpu", *more, code=code
    )


def quick(data, out, *more, code=0):
    return start(data, out, "--epochs", 1, "--batch", 8, *more, code=code)


def stopped_in(epoch):
    """Show a training by stopping it after that many epochs, in the next one."""

    @contextlib.contextmanager
    def show(title, epochs):
        def stop(moment):
            if moment.epochs > epoch:
                raise KeyboardInterrupt

        yield stop

    return show
