import threading
import time

from rich.console import Console
from rich.progress import Progress

from medmnist_det import terminal


def test_a_bar_that_is_about_to_show_is_taken_away_again(monkeypatch):
    soon, done = threading.Timer, []
    monkeypatch.setattr("threading.Timer", lambda _, show: soon(0.05, show))
    monkeypatch.setattr(terminal, "err", Console(stderr=True, force_terminal=True))
    monkeypatch.setattr(Progress, "start", lambda _: (time.sleep(0.2), done.append("start")))
    monkeypatch.setattr(Progress, "stop", lambda _: done.append("stop"))

    with terminal.stages():
        time.sleep(0.1)

    assert done == ["start", "stop"]
