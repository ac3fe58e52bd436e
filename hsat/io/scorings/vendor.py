"""From the entries of somebody else's scoring, each with a name, to one `hsat.scorings.Scoring`."""

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from hsat.errors import ReadError, StartNeededError
from hsat.io.scorings.edf_writing import NO_EVENT_TEXT
from hsat.io.scorings.names import find_meaning
from hsat.io.scorings.source import LARGEST_S, MAX_EVENTS, ScoringFile, wrong_value
from hsat.recording import Note
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["VendorEvents", "shift_to_recording", "start_needed"]

DAY_S = 86_400.0
MAX_APART_S = DAY_S
"""A scoring that starts further from the recording is another night's, or has another made-up date."""


def start_needed(path: str) -> StartNeededError:
    """The error of a file that cannot be placed without the recording's start."""
    return StartNeededError(
        f"{path}: its times are clock times: expected the start of the recording with it, got none; "
        "give the recording, or --start YYYY-MM-DDTHH:MM:SS"
    )


def shift_to_recording(file: ScoringFile, own_start: datetime | None) -> tuple[float, Note]:
    """Where the 0 s of a file with a start of its own lies on the recording's clock.

    Parameters
    ----------
    file : ScoringFile
    own_start : datetime or None
        What the file says of its start; None where it does not know it.

    Returns
    -------
    shift_s : float
        Seconds to add to the file's times.
    note : Note
        How it was placed.

    Raises
    ------
    ReadError
        Where the two starts are more than a day apart.
    """
    if own_start is None or file.start_local is None:
        why = "scoring" if own_start is None else "recording"
        text = f"scoring placed at its own start: that of the {why} is not known"
        return 0.0, Note("scoring_from_start", text)
    shift_s = (own_start - file.start_local).total_seconds()
    if abs(shift_s) > MAX_APART_S:
        raise ReadError(
            f"{file.path}: expected a scoring that starts within a day of its recording "
            f"({file.start_local:%Y-%m-%d %H:%M:%S}), got {own_start:%Y-%m-%d %H:%M:%S}"
        )
    where = "before" if shift_s < 0 else "after"
    text = f"scoring placed by the clock: its time 0 is {abs(shift_s):g} s {where} the recording's start"
    return shift_s, Note("scoring_by_clock", text)


@dataclass(slots=True, kw_only=True)
class VendorEvents:
    """Collects the entries of one file, and counts what does not become an event.

    Names are not kept: entries that are no respiratory events may be a technician's free text.

    Attributes
    ----------
    path : str
        The file, for errors.
    shift_s : float
        Seconds to add to the file's times.
    events : set of ScoredEvent
    uncertain_s : list of pair
        Spans of what the scorer called uncertain.
    others : Counter
        Entries of other names.
    n_without_length, n_twice, n_before, n_cut : int
    """

    path: str
    shift_s: float = 0.0
    events: set[ScoredEvent] = field(default_factory=set)
    uncertain_s: list[tuple[float, float]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    n_without_length: int = 0
    n_twice: int = 0
    n_before: int = 0
    n_cut: int = 0

    def seconds(self, place: str, text: str | None) -> float:
        """A number as the file writes it, also with a decimal comma; an error naming the place."""
        plain = (text or "").strip().replace(",", ".")
        try:
            number = math.nan if "_" in plain else float(plain)
        except ValueError:
            number = math.nan
        if not abs(number) < LARGEST_S:
            raise wrong_value(self.path, place, "a number of seconds", text)
        return number

    def add(self, name: str, start_s: float, stop_s: float) -> None:
        """Take one entry.

        Parameters
        ----------
        name : str
        start_s, stop_s : float
            On the file's clock. An entry that does not last, or stops before the recording
            starts, is counted and left out; one that begins before it is cut.

        Raises
        ------
        ReadError
            Where a time is months away, or there are more events than any night has.
        """
        meaning = find_meaning(name)
        if meaning is None:
            self.others[name] += 1
            return
        start_s, stop_s = start_s + self.shift_s, stop_s + self.shift_s
        if max(abs(start_s), abs(stop_s)) >= LARGEST_S:
            where = f"event {len(self.events) + 1}"
            expected = f"times within {LARGEST_S / DAY_S:.0f} days of the recording's start"
            raise wrong_value(self.path, where, expected, f"{start_s:g} s to {stop_s:g} s")
        if len(self.events) >= MAX_EVENTS:
            raise wrong_value(self.path, "", f"at most {MAX_EVENTS:,} events", "more")
        if not stop_s > start_s:
            self.n_without_length += 1
        elif stop_s <= 0.0:
            self.n_before += 1
        elif meaning.is_uncertain or meaning.kind is None:
            self.uncertain_s.append((max(start_s, 0.0), stop_s))
        else:
            event = ScoredEvent(kind=meaning.kind, start_s=max(start_s, 0.0), stop_s=stop_s)
            self.n_cut += start_s < 0.0
            self.n_twice += event in self.events
            self.events.add(event)

    def scoring(
        self,
        form: str,
        *notes: Note,
        start_local: datetime | None = None,
        duration_s: float | None = None,
    ) -> Scoring:
        """What was collected, with a note for all that was left out.

        Parameters
        ----------
        form : str
            Name of the format.
        *notes : Note
            How the file was placed.
        start_local : datetime, optional
            Wall clock at 0 s.
        duration_s : float, optional
            Length of the recording.

        Returns
        -------
        Scoring
        """
        return Scoring(
            source_path=self.path,
            format=form,
            events=tuple(sorted(self.events, key=lambda event: (event.start_s, event.stop_s, event.kind))),
            duration_s=duration_s,
            ignored_spans_s=np.array(sorted(self.uncertain_s), dtype=np.float64).reshape(-1, 2),
            start_local=start_local,
            notes=(*notes, *self._notes()),
        )

    def _notes(self) -> list[Note]:
        counts = {
            "scoring_other_entries": (
                self.others.total(),
                f"entries of {len(self.others)} names that are no apnea or hypopnea; left out",
            ),
            "scoring_uncertain": (
                len(self.uncertain_s),
                "entries that the scorer left uncertain; they count neither way",
            ),
            "scoring_without_length": (self.n_without_length, "events that do not last; left out"),
            "scoring_twice": (self.n_twice, "events that are there twice; taken once"),
            "scoring_before_start": (self.n_before, "events before the recording starts; left out"),
            "scoring_cut": (self.n_cut, "events that begin before the recording; cut to it"),
        }
        notes = [Note(code, f"scoring: {n} {text}") for code, (n, text) in counts.items() if n]
        is_empty = not (self.events or self.uncertain_s or self.n_without_length or self.n_before)
        if is_empty and set(self.others) - {NO_EVENT_TEXT}:
            text = (
                "scoring: no entry is an apnea or hypopnea by its name, so there is no event: is it a "
                "scoring of respiration, in a language that hsat knows?"
            )
            notes.insert(0, Note("scoring_no_events", text))
        return notes
