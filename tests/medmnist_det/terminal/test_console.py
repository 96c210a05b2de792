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


def test_what_could_steer_a_terminal_is_replaced_and_stays_in_one_line(monkeypatch, capsys):
    text = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=text, width=80))
    console.tell("error", ["a\x1b[31m\nb [bold]c[/bold] \udcff"])
    console.say("folder [red]x[/red]\x07\ny")
    bad = "\N{REPLACEMENT CHARACTER}"
    assert text.getvalue() == f"error: a{bad}[31m{bad}b [bold]c[/bold] {bad}\n"
    assert capsys.readouterr().out == f"folder [red]x[/red]{bad}{bad}y\n"
