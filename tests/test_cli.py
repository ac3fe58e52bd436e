"""The command itself: usage, exit codes, one line an error, what it imports; `hsat rules`; its page."""

import argparse
import json
import os
import subprocess
import sys
import types
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import hsat
from hsat.cli.faults import one_line
from hsat.cli.main import COMMANDS, main
from hsat.errors import HsatError, ReadError
from hsat.rules.load import load_rules, rule_set_names

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def run_process(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hsat", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def install_command(monkeypatch, run):
    """Stand in for a command's module."""
    module = types.ModuleType("hsat.cli.rules")
    module.add_arguments = lambda parser: None
    module.run = run
    monkeypatch.setitem(sys.modules, "hsat.cli.rules", module)


# ------------------------------------------------------------------------ usage


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "a command is needed: score, inspect, "),
        (["scroe"], "invalid choice: 'scroe'"),
        (["score"], "the following arguments are required: PATH"),
        (["score", "a.edf", "--format", "docx"], "argument --format: invalid choice: 'docx'"),
        (["score", "a.edf", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["score", "a.edf", "--form", "json"], "unrecognized arguments: --form json"),
        (["score", "a.edf", "--age", "old"], "argument --age: expected years from 0 to 130, got 'old'"),
        (["score", "a.edf", "--age", "nan"], "argument --age: expected years from 0 to 130, got 'nan'"),
        (["score", "a.edf", "--age", "-1"], "argument --age"),
        (["score", "a.edf", "--sex", "x"], "argument --sex: invalid choice: 'x'"),
        (["score", "a.edf", "--map", "flow"], "argument --map: expected CANONICAL=LABEL"),
        (["score", "a.edf", "--map", "=x"], "argument --map: expected CANONICAL=LABEL"),
        (["score", "a.edf", "--lights-off", "25:00"], "argument --lights-off: expected HH:MM"),
        (["score", "a.edf", "--lights-on", "2026-03-03"], "argument --lights-on: expected HH:MM"),
        (["score", "a.edf", "--lights-on", "2026-03-03T07:00+01:00"], "without time zone"),
        (["score", "a.edf", "--patient", "a\nb"], "argument --patient: expected a code of printable"),
        (["rules", "aasm_9"], "no such rule set: 'aasm_9'"),
        (["rules", "\x1b[31m"], r"no such rule set: '\x1b[31m'"),
        (["score", "a.edf", "\x1b", "--\x1b[31m\n"], r"unrecognized arguments: --\x1b[31m\n"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, words, expected):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hsat: ")
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert captured.err.strip().isprintable()


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hsat {hsat.__version__}\n"


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, help_line in COMMANDS.items():
        assert name in out
        assert help_line[:40] in out


def test_python_m_hsat_is_the_same_command():
    process = run_process("rules", "aasm_9")
    assert process.returncode == 2
    assert process.stderr.startswith("hsat: rules: no such rule set: 'aasm_9'; sets that come with hsat:")
    assert process.stderr.count("\n") == 1


# ------------------------------------------------------------------------ errors and exit codes


def test_an_error_of_ours_is_its_own_line(capsys, monkeypatch):
    def run(arguments: argparse.Namespace) -> int:
        raise ReadError("x.edf: expected an EDF header,\n got \x1b[31m")

    install_command(monkeypatch, run)
    assert main(["rules"]) == 3
    assert capsys.readouterr().err == "hsat: x.edf: expected an EDF header,\\n got \\x1b[31m\n"


@pytest.mark.parametrize("error", [KeyError("x"), ZeroDivisionError("x"), RecursionError("x"), MemoryError()])
def test_an_unexpected_error_is_one_line_that_names_debug(capsys, monkeypatch, error):
    def run(arguments: argparse.Namespace) -> int:
        raise error

    install_command(monkeypatch, run)
    assert main(["rules"]) == 3
    err = capsys.readouterr().err
    assert err.startswith(f"hsat: internal error ({type(error).__name__}: ")
    assert err.endswith("; run with --debug to see where\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["--debug", "rules"], ["rules", "--debug"]])
def test_debug_shows_the_traceback(monkeypatch, words):
    def run(arguments: argparse.Namespace) -> int:
        assert arguments.debug
        raise KeyError("x")

    install_command(monkeypatch, run)
    with pytest.raises(KeyError):
        main(words)


def test_an_interrupt_is_130(capsys, monkeypatch):
    def run(arguments: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    install_command(monkeypatch, run)
    assert main(["rules"]) == 130
    assert capsys.readouterr().err == "hsat: interrupted\n"


def test_another_error_that_an_interrupt_became_is_130_too(capsys, monkeypatch):
    """Python 3.11 makes a RuntimeError of Ctrl-C in `__set_name__`, as while a dataclass is made."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise RuntimeError("Error calling __set_name__") from interrupt

    install_command(monkeypatch, run)
    assert main(["rules"]) == 130
    assert capsys.readouterr().err == "hsat: interrupted\n"


def test_what_could_not_be_written_is_said_after_an_interrupt_too(capsys, monkeypatch):
    def run(arguments: argparse.Namespace) -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise HsatError("out: the disk is full") from interrupt

    install_command(monkeypatch, run)
    assert main(["rules"]) == 3
    assert capsys.readouterr().err == "hsat: out: the disk is full\n"


def test_a_second_interrupt_while_the_first_is_dealt_with_is_130(monkeypatch):
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    install_command(monkeypatch, interrupt)
    monkeypatch.setattr("hsat.cli.main.complain", interrupt)
    assert main(["rules"]) == 130


def test_a_closed_pipe_is_quiet():
    """Nobody reads from the first moment on: a reader that goes later could come too late."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = subprocess.run(
            [sys.executable, "-m", "hsat", "rules", "aasm_1b"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (process.returncode, process.stderr) == (141, "")


@pytest.mark.parametrize(
    ("redirection", "line"),
    [
        (">&-", "hsat: standard output is closed: results have nowhere to go\n"),
        (">/dev/full", "hsat: standard output cannot be written: No space left on device\n"),
    ],
)
@pytest.mark.parametrize("command", ["rules aasm_1b", "rules", "--version", "score --help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_takes_nothing_is_one_line_and_exit_code_3(redirection, line, command, unbuffered):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    process = subprocess.run(
        ["sh", "-c", f'"$0" -m hsat {command} {redirection}', sys.executable],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 3
    assert process.stderr == line


def test_a_closed_stderr_leaves_stdout_to_the_results(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["rules", "aasm_9"]) == 2
    assert capsys.readouterr().out == ""


def test_an_output_without_the_characters_gets_escapes(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('name = "o"\ntitle = "Größe ≥ 3"\nsource = "s"\nextends = "aasm_1b"\n', encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-m", "hsat", "rules", str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(r"Gr\xf6\xdfe \u2265 3")


def test_one_line_tells_ours_from_faults():
    assert one_line(HsatError("a\nb")) == r"a\nb"
    assert one_line(ValueError("a\nb")) == r"internal error (ValueError: a\nb); run with --debug to see where"


# ------------------------------------------------------------------------ imports


def test_version_and_help_import_next_to_nothing():
    code = (
        "import sys\nfrom hsat.cli.main import main\nmain(['--version'])\n"
        "print(sorted(name for name in sys.modules if name.startswith(('hsat', 'numpy', 'numba'))))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = process.stdout.splitlines()[-1]
    assert "numba" not in loaded
    assert "hsat.cli.score" not in loaded
    assert "hsat.report.view" not in loaded


# ------------------------------------------------------------------------ hsat rules


def test_rules_lists_the_sets(capsys):
    assert main(["rules"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(rule_set_names())


def test_rules_shows_a_set_in_words(capsys):
    assert main(["rules", "aasm_1a"]) == 0
    out = capsys.readouterr().out
    assert load_rules("aasm_1a").rules_id in out
    assert "    min_desaturation_points  3 SpO2 points\n" in out


def test_rules_refuses_what_scoring_refuses(tmp_path, capsys):
    path = tmp_path / "own.toml"
    head = 'name = "o"\ntitle = "t"\nsource = "s"\nextends = "aasm_1b"\n'
    path.write_text(head + "[severity]\nmild_from_per_h = 16\n", encoding="utf-8")
    assert main(["rules", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert (
        "[severity]: moderate_from_per_h: expected a number above mild_from_per_h (16), got 15"
        in captured.err
    )


def test_rules_as_json(capsys):
    assert main(["rules", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in document["sets"]] == list(rule_set_names())
    assert main(["rules", "aasm_1b", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "hsat.rules/1"
    assert document["rules_id"] == load_rules().rules_id
    assert document["tables"]["hypopnea"]["values"]["min_desaturation_points"] == 4.0
    assert all(table["meaning"] and table["source"] for table in document["tables"].values())


# ------------------------------------------------------------------------ docs/commands.md


def section_of(name: str) -> str:
    return PAGE.split(f"\n## hsat {name}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_every_option_is_documented(name):
    assert find_spec(f"hsat.cli.{name}") is not None
    parser = argparse.ArgumentParser(prog=name, add_help=False)
    import_module(f"hsat.cli.{name}").add_arguments(parser)
    section = section_of(name)
    for action in parser._actions:
        for option in action.option_strings:
            assert f"`{option}`" in section or f"`{option} " in section
            for choice in action.choices or ():
                assert choice in section
        if not action.option_strings:
            assert str(action.metavar or action.dest).upper() in section


@pytest.mark.parametrize("name", COMMANDS)
def test_every_documented_option_exists(name):
    parser = argparse.ArgumentParser(prog=name, add_help=False)
    import_module(f"hsat.cli.{name}").add_arguments(parser)
    known = {option for action in parser._actions for option in action.option_strings}
    rows = [line for line in section_of(name).splitlines() if line.startswith("| `--")]
    assert {line.split("`")[1].split()[0] for line in rows} <= known


def test_no_other_command_is_documented():
    documented = {line.split()[2] for line in PAGE.splitlines() if line.startswith("## hsat ")}
    assert documented == set(COMMANDS)
