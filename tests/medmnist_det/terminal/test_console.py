import io

from rich.console import Console

from medmnist_det.terminal import console


def shown(monkeypatch, terminal):
    text = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=text, force_terminal=terminal, width=80))
    with console.stages() as tell:
        tell("reading [a].json", 0, 0)
        tell("resampling images", 1000, 200)
    return text.getvalue()


def test_a_terminal_shows_what_is_being_done_and_a_pipe_shows_nothing(monkeypatch):
    assert "resampling images" in shown(monkeypatch, terminal=True)
    assert shown(monkeypatch, terminal=False) == ""
