"""Scorings in XML: Profusion's own (``CMPStudyConfig``) and that of the NSRR (``PSGAnnotation``)."""

import re
from typing import TYPE_CHECKING

from hsat.errors import ReadError
from hsat.io.scorings.source import ScoringFile, wrong_value
from hsat.io.scorings.vendor import VendorEvents
from hsat.scorings import Scoring

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["NSRR_XML", "PROFUSION_XML", "RECORDING_START", "parse_xml", "read_xml_events"]

NSRR_XML = "NSRR XML"
PROFUSION_XML = "Profusion XML"

NAME_TAGS = {"PSGAnnotation": (NSRR_XML, "EventConcept"), "CMPStudyConfig": (PROFUSION_XML, "Name")}
"""Root element to the format, and to the element of an event that names it."""
RECORDING_START = "recording start time"
"""The NSRR's first entry: not an event, but the length of the recording."""
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def parse_xml(path: str, data: bytes, text: str) -> "Element":
    """Parse XML that nobody vouches for.

    Parameters
    ----------
    path : str
        For errors.
    data : bytes
    text : str
        The same as text, for files whose declaration names another encoding than they have.

    Returns
    -------
    xml.etree.ElementTree.Element
        The root.

    Raises
    ------
    ReadError
        Where it is no XML, or declares entities or a document type: entities can grow without
        bounds or name other files, and no scoring needs them.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        try:
            root: Element = fromstring(data, forbid_dtd=True)
        except (ParseError, LookupError, ValueError) as error:
            if isinstance(error, DefusedXmlException):
                raise
            root = fromstring(DECLARATION.sub("", text), forbid_dtd=True)
    except DefusedXmlException as error:
        raise ReadError(
            f"{path}: expected XML without document type and entities, got {type(error).__name__}"
        ) from error
    except (ParseError, ValueError) as error:
        raise ReadError(f"{path}: expected valid XML, got an error: {error}") from error
    return root


def read_xml_events(file: ScoringFile) -> Scoring:
    """Read the respiratory events of an XML scoring.

    Parameters
    ----------
    file : ScoringFile
        ``PSGAnnotation`` or ``CMPStudyConfig``; times are seconds from the recording's start.

    Returns
    -------
    Scoring
        With the length of the recording where the file tells it.

    Raises
    ------
    ReadError
        Naming the event and element, what is allowed and what is there.
    """
    root = parse_xml(file.path, file.data, file.text)
    if root.tag not in NAME_TAGS:
        raise wrong_value(file.path, "", f"XML with the root {' or '.join(NAME_TAGS)}", root.tag)
    form, name_tag = NAME_TAGS[root.tag]
    scored = root.find("ScoredEvents")
    if scored is None:
        raise wrong_value(file.path, root.tag, "an element ScoredEvents", None)
    collected = VendorEvents(path=file.path)
    duration_s = None
    for n, event in enumerate(scored.iter("ScoredEvent"), start=1):
        place = f"ScoredEvent {n}"
        name = event.findtext(name_tag)
        if name is None:
            raise wrong_value(file.path, place, f"an element {name_tag}", None)
        start_s = collected.seconds(f"{place}, Start", event.findtext("Start"))
        length_s = collected.seconds(f"{place}, Duration", event.findtext("Duration", "0"))
        if name.strip().lower() == RECORDING_START:
            duration_s = length_s if length_s > 0.0 else None
            continue
        collected.add(name, start_s, start_s + length_s)
    if duration_s is None:
        duration_s = _staged_s(root, collected)
    return collected.scoring(form, duration_s=duration_s, start_local=file.start_local)


def _staged_s(root: "Element", collected: VendorEvents) -> float | None:
    """Length of the recording by its staged epochs, of which Profusion has one for each."""
    n_epochs = len(root.findall("SleepStages/SleepStage"))
    length_s = root.findtext("EpochLength")
    if not n_epochs or length_s is None:
        return None
    return n_epochs * collected.seconds("EpochLength", length_s)
