"""Stages of sleep in XML scorings: those of the NSRR and of Profusion."""

from typing import TYPE_CHECKING

from hsat.errors import ReadError, shown
from hsat.hypnogram import StagedSpan
from hsat.io.scorings.xml_events import parse_xml
from hsat.io.stages import find_stage
from hsat.io.timeline import LARGEST_S

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["staged_spans"]

STAGES = "stages"
"""How the NSRR's type of an entry begins that is a stage; the concept ends in ``|`` and its number."""


def staged_spans(name: str, raw: bytes, text: str) -> list[StagedSpan]:
    """The stages of an XML scoring.

    Parameters
    ----------
    name : str
        The file, for errors.
    raw : bytes
    text : str
        The same as text.

    Returns
    -------
    list of StagedSpan
        In order of their starts.

    Raises
    ------
    ReadError
        Where it is no such XML, holds no stages, or a value is not allowed.
    """
    root = parse_xml(name, raw, text)
    if root.tag == "PSGAnnotation":
        spans = _entries(name, root)
    elif root.tag == "CMPStudyConfig":
        spans = _epochs(name, root)
    else:
        raise ReadError(f"{name}: expected XML of the root PSGAnnotation or CMPStudyConfig, got another")
    if not spans:
        raise ReadError(f"{name}: expected stages of sleep, got XML without any")
    return sorted(spans)


def _entries(name: str, root: "Element") -> list[StagedSpan]:
    spans = []
    for number, event in enumerate(root.findall("ScoredEvents/ScoredEvent"), start=1):
        if not event.findtext("EventType", "").strip().lower().startswith(STAGES):
            continue
        place = f"{name}, ScoredEvent {number}"
        start_s = _seconds(f"{place}, Start", event.findtext("Start", ""))
        length_s = _seconds(f"{place}, Duration", event.findtext("Duration", ""))
        concept = event.findtext("EventConcept", "").rpartition("|")[2]
        spans.append(_span(place, start_s, start_s + length_s, concept))
    return spans


def _epochs(name: str, root: "Element") -> list[StagedSpan]:
    epochs = root.findall("SleepStages/SleepStage")
    length_s = _seconds(f"{name}, EpochLength", root.findtext("EpochLength", "")) if epochs else 0.0
    return [
        _span(f"{name}, SleepStage {i + 1}", i * length_s, (i + 1) * length_s, epoch.text or "")
        for i, epoch in enumerate(epochs)
    ]


def _seconds(place: str, text: str) -> float:
    try:
        number = float("nan" if "_" in text else text.strip().replace(",", "."))
    except ValueError:
        number = float("nan")
    if not 0.0 <= number < LARGEST_S:
        raise ReadError(f"{place}: expected seconds, 0 or more, got {shown(text)}")
    return number


def _span(place: str, start_s: float, stop_s: float, word: str) -> StagedSpan:
    stage = find_stage(word)
    if stage is None:
        raise ReadError(f"{place}: expected a stage such as 0 to 5, 6 or 9, got {shown(word)}")
    return StagedSpan(start_s, stop_s, stage)
