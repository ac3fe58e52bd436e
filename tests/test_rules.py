"""Loading rule sets: what is written is what is used, and everything else is an error with an address.

Expected numbers of the packaged sets are from Berry 2012 (PMC3459210), Kapur 2017 and CMS NCD 240.4.
"""

import hashlib
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Literal

import pytest

from hsat.errors import RulesError
from hsat.rules.check import table_types, value_types
from hsat.rules.load import build_rules, load_rules, read_rules, rule_set_names
from hsat.rules.model import ScoringRules
from hsat.rules.units import unit_of
from hsat.rules.words import describe_rules, list_rules, read_packaged_rules, rules_page, value_words
from hsat.score import score_night

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    min_reduction_fraction: float
    min_duration_s: float
    n_breaths: int
    is_strict: bool
    sensor: Literal["flow", "belts"]
    windows_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    mild_from_per_h: float
    severe_from_per_h: float

    def __post_init__(self) -> None:
        if self.severe_from_per_h <= self.mild_from_per_h:
            raise ValueError("expected severe_from_per_h above mild_from_per_h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    name: str
    title: str
    source: str
    rules_id: str
    fall: Fall
    limits: Limits


HEAD = 'name = "own"\ntitle = "Own set"\nsource = "us"\n'
FALL = """
[fall]
meaning = "A fall."
source = "Berry"
min_reduction_fraction = 0.9
min_duration_s = 10
n_breaths = 2
is_strict = true
sensor = "flow"
windows_s = [30, 60.0]
"""
LIMITS = """
[limits]
meaning = "Limits."
source = "AASM"
mild_from_per_h = 5.0
severe_from_per_h = 30.0
"""
WHOLE = HEAD + FALL + LIMITS


def write(folder: Path, text: str, name: str = "own.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path) -> Rules:
    return build_rules(read_rules(path, Rules), Rules)


def error_of(path: Path) -> str:
    with pytest.raises(RulesError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ------------------------------------------------------------------------ one file


def test_values_arrive_with_the_types_of_the_model(tmp_path):
    rules = load(write(tmp_path, WHOLE))
    assert rules.fall == Fall(
        min_reduction_fraction=0.9,
        min_duration_s=10.0,
        n_breaths=2,
        is_strict=True,
        sensor="flow",
        windows_s=(30.0, 60.0),
    )
    assert type(rules.fall.min_duration_s) is float
    assert rules.limits.severe_from_per_h == 30.0
    assert (rules.name, rules.title, rules.source) == ("own", "Own set", "us")


def test_a_text_for_a_number_is_the_error_of_the_style_guide(tmp_path):
    path = write(tmp_path, WHOLE.replace("min_duration_s = 10", 'min_duration_s = "10s"'))
    assert error_of(path) == f"rules {path}, [fall].min_duration_s: expected a number, got '10s'"


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        (
            "min_duration_s = 10",
            "min_duration_s = true",
            "[fall].min_duration_s",
            "expected a number, got true",
        ),
        (
            "min_duration_s = 10",
            "min_duration_s = nan",
            "[fall].min_duration_s",
            "expected a number, got nan",
        ),
        (
            "min_duration_s = 10",
            "min_duration_s = inf",
            "[fall].min_duration_s",
            "expected a number, got inf",
        ),
        (
            "min_duration_s = 10",
            "min_duration_s = [10]",
            "[fall].min_duration_s",
            "expected a number, got [10]",
        ),
        (
            "min_duration_s = 10",
            "min_duration_s = -1",
            "[fall].min_duration_s",
            "expected a number from 0 to 86400, got -1",
        ),
        (
            "min_reduction_fraction = 0.9",
            "min_reduction_fraction = 90",
            "[fall].min_reduction_fraction",
            "expected a number from 0 to 1, got 90",
        ),
        ("n_breaths = 2", "n_breaths = 2.0", "[fall].n_breaths", "expected a whole number, got 2.0"),
        ("n_breaths = 2", "n_breaths = true", "[fall].n_breaths", "expected a whole number, got true"),
        (
            "n_breaths = 2",
            "n_breaths = 0x" + "f" * 9000,
            "[fall].n_breaths",
            "expected a whole number, got a whole number beyond 2^53",
        ),
        ("is_strict = true", "is_strict = 1", "[fall].is_strict", "expected true or false, got 1"),
        (
            'sensor = "flow"',
            'sensor = "nose"',
            "[fall].sensor",
            "expected one of 'flow', 'belts', got 'nose'",
        ),
        (
            "windows_s = [30, 60.0]",
            "windows_s = 30",
            "[fall].windows_s",
            "expected a list, each a number, got 30",
        ),
        (
            "windows_s = [30, 60.0]",
            'windows_s = [30, "x"]',
            "[fall].windows_s",
            "expected a list, each a number, got [30, 'x']",
        ),
        (
            "windows_s = [30, 60.0]",
            "windows_s = [30, -1]",
            "[fall].windows_s",
            "expected a list, each a number from 0 to 86400, got [30, -1]",
        ),
        ("min_duration_s = 10\n", "", "[fall].min_duration_s", "missing; expected a number from 0 to 86400"),
        ('meaning = "A fall."\n', "", "[fall].meaning", "missing; expected one plain sentence"),
        ('meaning = "A fall."', "meaning = 3", "[fall].meaning", "expected a text, got 3"),
        (
            'meaning = "A fall."',
            'meaning = "A \\u001b[31mfall"',
            "[fall].meaning",
            "expected a text without control characters, got 'A \\x1b[31mfall'",
        ),
        ("n_breaths = 2", "n_breath = 2", "[fall].n_breath", "unknown key; did you mean n_breaths?"),
        (
            "n_breaths = 2",
            "n_breaths = 2\nmild_from_per_h = 5.0",
            "[fall].mild_from_per_h",
            "unknown key; it belongs to [limits]",
        ),
        (LIMITS, "", "[limits]", "missing table"),
        (LIMITS, "limits = 3\n" + "", "limits", None),
        ("[limits]", "[limit]", "[limit]", "unknown table; did you mean limits?"),
        ('name = "own"\n', "", "name", "missing; expected a text"),
        ('name = "own"', 'name = "my own@1"', "name", None),
        ('title = "Own set"', 'title = " "', "title", "expected a text, got ' '"),
        ('source = "us"\n', 'source = "us"\nverion = 2\n', "verion", None),
    ],
)
def test_an_error_names_file_table_key_and_what_is_allowed(tmp_path, old, new, where, what):
    text = WHOLE.replace(old, new, 1)
    if new.startswith("limits = 3"):
        text = new + HEAD + FALL
    path = write(tmp_path, text)
    message = error_of(path)
    assert message.startswith(f"rules {path}, {where}: ")
    if what is not None:
        assert message == f"rules {path}, {where}: {what}"


def test_a_key_with_control_characters_stays_on_one_line(tmp_path):
    message = error_of(write(tmp_path, WHOLE + '"a\\n\\u001b[31m" = 1\n'))
    assert "\x1b" not in message
    assert "unknown key" in message


def test_a_combination_the_model_refuses_names_the_table(tmp_path):
    path = write(tmp_path, WHOLE.replace("severe_from_per_h = 30.0", "severe_from_per_h = 4.0"))
    assert error_of(path) == f"rules {path}, [limits]: expected severe_from_per_h above mild_from_per_h"


def test_text_that_is_no_toml(tmp_path):
    path = write(tmp_path, "0       X X X X\n")
    assert error_of(path).startswith(f"rules {path}: expected a TOML file, got: ")


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "night.edf"
    path.write_bytes(b"0       \xff\xfe\x00")
    assert error_of(path).startswith(f"rules {path}: expected a TOML file, got: ")


def test_brackets_nested_beyond_the_parser(tmp_path):
    path = write(tmp_path, "a = " + "[" * 100_000)
    assert error_of(path).startswith(f"rules {path}: expected a TOML file, got: ")


def test_a_recording_given_as_rules_is_not_parsed(tmp_path):
    path = tmp_path / "night.edf"
    path.write_bytes(b"x" * 300_000)
    assert error_of(path) == f"rules {path}: expected a TOML file of at most 262144 bytes, got more"


# ------------------------------------------------------------------------ extends


def test_an_extending_set_writes_only_what_differs(tmp_path):
    write(tmp_path, WHOLE, "base.toml")
    text = HEAD.replace("own", "ours", 1) + 'extends = "base.toml"\n[fall]\nmin_duration_s = 12\n'
    document = read_rules(write(tmp_path, text), Rules)
    rules = build_rules(document, Rules)
    assert rules.name == "ours"
    assert rules.fall.min_duration_s == 12.0
    assert rules.fall.n_breaths == 2
    assert rules.limits.mild_from_per_h == 5.0
    assert document.tables[0].meaning == "A fall."


def test_a_chain_of_three_takes_the_nearest_value(tmp_path):
    write(tmp_path, WHOLE, "a.toml")
    write(tmp_path, HEAD + 'extends = "a.toml"\n[fall]\nmin_duration_s = 11\nn_breaths = 3\n', "b.toml")
    path = write(tmp_path, HEAD + 'extends = "b.toml"\n[fall]\nmin_duration_s = 12\n', "c.toml")
    assert (load(path).fall.min_duration_s, load(path).fall.n_breaths) == (12.0, 3)


@pytest.mark.parametrize("chain", [["a.toml"], ["b.toml", "a.toml"], ["b.toml", "c.toml", "a.toml"]])
def test_a_circle_of_sets_is_an_error(tmp_path, chain):
    for name, parent in zip(["a.toml", *chain], chain, strict=False):
        write(tmp_path, HEAD + f'extends = "{parent}"\n', name)
    message = error_of(tmp_path / "a.toml")
    assert ", extends: goes round in a circle: " in message
    assert message.count("a.toml ->") == 1


def test_an_unknown_parent_names_the_sets_there_are(tmp_path):
    path = write(tmp_path, HEAD + 'extends = "aasm_9"\n')
    assert error_of(path) == (
        f"rules {path}, extends: no such rule set: 'aasm_9'; "
        f"sets that come with hsat: {', '.join(rule_set_names())}"
    )


def test_a_fault_in_the_parent_names_the_parent(tmp_path):
    base = write(tmp_path, WHOLE.replace("n_breaths = 2", "n_breaths = 2.5"), "base.toml")
    path = write(tmp_path, HEAD + 'extends = "base.toml"\n')
    assert error_of(path).startswith(f"rules {base}, [fall].n_breaths: ")


# ------------------------------------------------------------------------ identity


def test_rules_id_is_the_name_and_twelve_digits_of_the_values(tmp_path):
    rules = load(write(tmp_path, WHOLE))
    content = (
        '{"settings":{},"tables":{'
        '"fall":{"is_strict":true,"min_duration_s":10.0,"min_reduction_fraction":0.9,"n_breaths":2,'
        '"sensor":"flow","windows_s":[30.0,60.0]},'
        '"limits":{"mild_from_per_h":5.0,"severe_from_per_h":30.0}}}'
    )
    assert rules.rules_id == "own@" + hashlib.sha256(content.encode()).hexdigest()[:12]


def test_rules_id_ignores_prose_order_and_the_way_a_number_is_written(tmp_path):
    first = load(write(tmp_path, WHOLE)).rules_id
    other = HEAD.replace("Own set", "Another title") + LIMITS.replace("Limits.", "Words.") + FALL
    other = other.replace("min_duration_s = 10", "min_duration_s = 1.0e1").replace("[30, 60.0]", "[30.0, 60]")
    assert load(write(tmp_path, other)).rules_id == first


@pytest.mark.parametrize(
    ("old", "new"),
    [("min_duration_s = 10", "min_duration_s = 10.001"), ("is_strict = true", "is_strict = false")],
)
def test_rules_id_changes_with_any_value(tmp_path, old, new):
    first = load(write(tmp_path, WHOLE)).rules_id
    assert load(write(tmp_path, WHOLE.replace(old, new))).rules_id != first


# ------------------------------------------------------------------------ the packaged sets


@pytest.mark.parametrize("name", rule_set_names())
def test_every_packaged_set_loads_and_is_named_like_its_file(name):
    rules = load_rules(name)
    assert rules.name == name
    assert rules.rules_id.startswith(f"{name}@")
    assert load_rules(name) is rules


def test_the_default_set_is_rule_1b():
    assert load_rules() is load_rules("aasm_1b")


def test_published_numbers_of_rule_1b():
    rules = load_rules("aasm_1b")
    assert (rules.apnea.min_reduction_fraction, rules.apnea.min_duration_s) == (0.9, 10.0)
    assert (rules.hypopnea.min_reduction_fraction, rules.hypopnea.min_duration_s) == (0.3, 10.0)
    assert rules.hypopnea.min_desaturation_points == 4.0
    limits = rules.severity
    assert (limits.mild_from_per_h, limits.moderate_from_per_h, limits.severe_from_per_h) == (5, 15, 30)
    assert (rules.adequacy.adequate_from_h, rules.adequacy.partial_from_h) == (4.0, 2.0)


def test_rule_1a_differs_from_1b_in_the_desaturation_alone():
    one_a, one_b = load_rules("aasm_1a"), load_rules("aasm_1b")
    assert one_a.hypopnea.min_desaturation_points == 3.0
    differing = [name for name in table_types(ScoringRules) if getattr(one_a, name) != getattr(one_b, name)]
    assert differing == ["hypopnea"]
    assert one_a.hypopnea.min_duration_s == one_b.hypopnea.min_duration_s


def test_a_users_file_may_extend_a_packaged_set(tmp_path):
    text = 'name = "ours"\ntitle = "t"\nsource = "s"\nextends = "aasm_1b"\n[apnea]\nmin_duration_s = 12\n'
    rules = load_rules(write(tmp_path, text))
    assert rules.apnea.min_duration_s == 12.0
    assert rules.hypopnea == load_rules("aasm_1b").hypopnea
    assert load_rules(str(tmp_path / "own.toml")) == rules


@pytest.mark.parametrize("name", ["aasm_9", "", "nothing.toml", "a/b", "x" * 5000, "a\0b"])
def test_an_unknown_set_lists_those_there_are(name):
    with pytest.raises(RulesError) as caught:
        load_rules(name)
    assert str(caught.value).endswith("sets that come with hsat: " + ", ".join(rule_set_names()))
    assert len(str(caught.value)) < 250


def test_no_rule_dataclass_has_a_default():
    for cls in [ScoringRules, *table_types(ScoringRules).values()]:
        assert is_dataclass(cls)
        assert all(field.default is MISSING for field in fields(cls))
        assert all(field.default_factory is MISSING for field in fields(cls))


# ------------------------------------------------------------------------ bounds

OWN = 'name = "ours"\ntitle = "t"\nsource = "s"\nextends = "aasm_1b"\n'


def test_every_number_of_the_model_is_bounded_on_both_sides():
    for table in table_types(ScoringRules).values():
        for key, kind in value_types(table).items():
            if kind is bool:
                continue
            unit = unit_of(key)
            assert unit.lowest is not None, key
            assert unit.highest is not None, key


@pytest.mark.parametrize(
    ("table", "line", "what"),
    [
        ("event_span", "min_recovery_s = 1e6", "expected a number from 0 to 86400, got 1000000.0"),
        ("sampling", "flow_rate_hz = 1e-9", "expected a number from 0.5 to 100, got 1e-09"),
        ("sampling", "oximetry_rate_hz = 1e6", "expected a number from 0.5 to 100, got 1000000.0"),
        ("baseline", "n_largest_breaths = 0", "expected a whole number from 1 to 10000, got 0"),
        ("breath", "min_breaths = 0", "expected a whole number from 1 to 10000, got 0"),
        ("oxygen_delay", "min_reductions = 10001", "expected a whole number from 1 to 10000, got 10001"),
        ("baseline", "sigh_ratio = 9e15", "expected a number from 0 to 1000, got 9000000000000000.0"),
        ("severity", "mild_from_per_h = 1e9", "expected a number from 0 to 1000, got 1000000000.0"),
        ("pulse_validity", "highest_bpm = 1e9", "expected a number from 0 to 500, got 1000000000.0"),
        ("breath", "excursion_window_periods = 1e3", "expected a number from 0 to 100, got 1000.0"),
    ],
)
def test_a_number_out_of_its_bounds_names_file_table_key(tmp_path, table, line, what):
    path = write(tmp_path, f"{OWN}[{table}]\n{line}\n")
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert str(caught.value) == f"rules {path}, [{table}].{line.split()[0]}: {what}"


@pytest.mark.parametrize(
    ("table", "lines", "what"),
    [
        ("severity", "mild_from_per_h = 15", "moderate_from_per_h: expected a number above mild_from_per_h"),
        ("severity", "severe_from_per_h = 15", "severe_from_per_h: expected a number above moderate_from"),
        ("adequacy", "adequate_from_h = 1", "adequate_from_h: expected a number at least partial_from_h"),
        ("event_span", "max_duration_s = 0", "max_duration_s: expected a number above 0, got 0"),
        ("event_span", "min_recovery_s = 0", "min_recovery_s: expected a number above 0, got 0"),
        ("event_span", "min_recovery_s = 151", "max_duration_s: expected a number at least min_recovery_s"),
        ("breath", "longest_period_s = 0", "longest_period_s: expected a number at least"),
        ("breath", "shortest_period_s = 0", "shortest_period_s: expected a number above 0"),
        ("breath", "excursion_window_periods = 0", "excursion_window_periods: expected a number above 0"),
        ("breath", "noise_floor_window_s = 59", "noise_floor_window_s: expected a number at least 60"),
        ("oxygen_delay", "shortest_s = 61", "longest_s: expected a number at least shortest_s (61), got 60"),
        ("oxygen_delay", "slope_span_s = 0.5", "slope_span_s: expected a number at least 1, got 0.5"),
        ("oxygen_validity", "lowest_percent = 100", "highest_percent: expected a number above lowest"),
        ("oxygen_validity", "resolution_points = 0", "resolution_points: expected a number above 0"),
        ("pulse_validity", "lowest_bpm = 220", "highest_bpm: expected a number above lowest_bpm"),
        ("sampling", "flow_rate_hz = 2.5", "flow_rate_hz: expected a whole number of Hz from 1 on, got 2.5"),
        ("sampling", "oximetry_rate_hz = 0.5", "oximetry_rate_hz: expected a whole number of Hz"),
        ("sampling", "drift_window_s = 0.1", "drift_window_s: expected one sample or more at 5 Hz, got 0.1"),
        ("baseline", "window_s = 601", "oldest_s: expected a number at least window_s (601), got 600"),
        ("baseline", "outlier_window_s = 1", "outlier_window_s: expected a number at least 60, got 1"),
        ("effort", "level_window_s = 0", "level_window_s: expected a number at least 60, got 0"),
        ("effort", "max_roughness = 0", "max_roughness: expected a number above 0, got 0"),
        ("sensor_off", "max_roughness = 0", "max_roughness: expected a number above 0, got 0"),
        ("sensor_off", "min_duration_s = 0", "min_duration_s: expected a number above 0, got 0"),
        ("desaturation", "baseline_hold_s = 0", "baseline_hold_s: expected a number above 0, got 0"),
        ("hypoxic_burden", "search_before_s = 14", "search_before_s: expected a number at least nadir_from"),
        ("hypoxic_burden", "search_after_s = 3601", "search_after_s: expected a number up to 3600, got 3601"),
        ("ventilatory_burden", "pause_from_s = 0", "pause_from_s: expected a number above 0, got 0"),
        ("pulse_response", "search_before_s = 10", "search_before_s: expected a number above peak_from_s"),
        ("pulse_response", "search_after_s = 50", "search_after_s: expected a number above peak_within_s"),
        ("pulse_response", "search_after_s = 3601", "search_after_s: expected a number up to 3600, got 3601"),
        ("desaturation", "small_points = 0", "small_points: expected a number above 0, got 0"),
        ("desaturation", "small_points = 5", "large_points: expected a number at least small_points (5)"),
        ("desaturation", "resaturation_points = 0", "resaturation_points: expected a number above 0"),
        ("desaturation", "max_fall_s = 0", "max_fall_s: expected a number above 0, got 0"),
    ],
)
def test_values_that_do_not_go_together_are_refused(tmp_path, table, lines, what):
    path = write(tmp_path, f"{OWN}[{table}]\n{lines}\n")
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert str(caught.value).startswith(f"rules {path}, [{table}]: {what}")


def test_a_held_value_shorter_than_a_sample_is_refused(tmp_path):
    path = write(tmp_path, f"{OWN}[desaturation]\nbaseline_hold_s = 0.2\n")
    with pytest.raises(RulesError, match=r"baseline_hold_s: expected a sample or more at 4 Hz, got 0\.2"):
        load_rules(path)


def test_a_breath_shorter_than_two_samples_is_refused(tmp_path):
    path = write(tmp_path, f"{OWN}[breath]\nexcursion_window_periods = 0.1\n")
    with pytest.raises(RulesError, match=r"at least 2 samples at 5 Hz, got 0\.2 s"):
        load_rules(path)


# ------------------------------------------------------------------------ names, folders, marks


@pytest.mark.parametrize("is_in_its_folder", [True, False])
def test_a_users_set_may_not_pass_for_a_packaged_one(tmp_path, monkeypatch, is_in_its_folder):
    text = OWN.replace("ours", "aasm_1b").replace('extends = "aasm_1b"', 'extends = "aasm_1a"')
    path = write(tmp_path, text, "aasm_1b.toml")
    if is_in_its_folder:
        monkeypatch.chdir(tmp_path)
        path = Path("aasm_1b.toml")
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert str(caught.value) == (
        f"rules {path}, name: 'aasm_1b' belongs to a packaged set with other values: choose another name"
    )


def test_a_copy_of_a_packaged_set_may_keep_its_name(tmp_path):
    text = (ROOT / "hsat" / "rules" / "aasm_1b.toml").read_text(encoding="utf-8")
    assert load_rules(write(tmp_path, text, "copy.toml")).rules_id == load_rules("aasm_1b").rules_id


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xef\xbb\xbf" + OWN.encode())
    assert load_rules(path).name == "ours"


def test_a_folder_given_as_rules_is_called_one(tmp_path):
    with pytest.raises(RulesError) as caught:
        load_rules(tmp_path)
    assert str(caught.value) == f"rules {tmp_path}: expected a TOML file, got a folder"


# ------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("min_duration_s", 10.0, "10 s"),
        ("min_reduction_fraction", 0.9, "0.9 (90 %)"),
        ("max_variation_fraction", 0.07, "0.07 (7 %)"),
        ("min_desaturation_points", 4.0, "4 SpO2 points"),
        ("mild_from_per_h", 5.0, "5 per h"),
        ("max_change_points_per_s", 4.5, "4.5 SpO2 points per s"),
        ("rate_hz", 0.5, "0.5 Hz"),
        ("n_largest_breaths", 3, "3"),
        ("is_strict", False, "no"),
        ("windows_s", (30.0, 60.0), "30 s, 60 s"),
        ("sensor", "flow", "flow"),
    ],
)
def test_values_in_words(key, value, words):
    assert value_words(key, value) == words


def test_an_offset_in_time_may_be_negative_and_nothing_else_with_a_unit():
    assert unit_of("search_offset_s").lowest == -86_400.0
    for key in ("a_s", "a_h", "a_min", "a_bpm", "a_ratio", "a_per_h", "a_points"):
        assert unit_of(key).lowest == 0.0
    assert (unit_of("rate_hz").lowest, unit_of("n_a").lowest) == (0.5, 1.0)


def test_every_number_of_a_set_is_printed_with_its_source():
    document = read_rules("aasm_1b", ScoringRules)
    text = describe_rules(document)
    flat = " ".join(text.split())
    for table in document.tables:
        assert f"[{table.name}]" in text
        assert " ".join(table.meaning.split()) in flat
        assert " ".join(f"Source: {table.source}".split()) in flat
        for key, value in table.values.items():
            assert f"{key} {value_words(key, value)}" in flat
    assert document.rules_id in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_list_of_sets_has_every_name_and_title():
    lines = list_rules(read_packaged_rules()).splitlines()
    assert [line.split()[0] for line in lines] == list(rule_set_names())
    assert all(len(line.split()) > 3 for line in lines)


def test_the_page_of_rules_is_up_to_date():
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page == rules_page(read_packaged_rules()), "run: python -m hsat.rules.words > docs/rules.md"


def test_the_page_shows_only_the_difference_of_an_extending_set():
    page = rules_page(read_packaged_rules())
    section = page.split("## aasm_1a\n")[1].split("\n## ")[0]
    assert "| `min_desaturation_points` | 3 SpO2 points |" in section
    assert "min_duration_s" not in section


def test_the_example_on_the_page_loads(tmp_path):
    page = rules_page(read_packaged_rules())
    example = page.split("```toml\n")[1].split("```")[0]
    assert load_rules(write(tmp_path, example)).apnea.min_duration_s == 12.0


@pytest.mark.parametrize("rules", ["aasm_1b", 4, {"name": "aasm_1b"}])
def test_scoring_under_what_is_no_rule_set_says_where_one_comes_from(rules):
    with pytest.raises(RulesError, match=r"^rules: expected a rule set from hsat\.load_rules, got "):
        score_night(None, rules)
