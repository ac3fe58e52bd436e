"""Which nights enter a summary: usable ones of one kind, each once; the rest with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hsat.errors import NightsError
from hsat.nights.patients import overlap_s
from hsat.patient import ExcludedNight, ScoredNight
from hsat.recording import Note
from hsat.rules.model import AdequacyRule

__all__ = ["Selection", "is_same_night", "kind_words", "select_nights", "therapy_kind"]

SAME_TIME_S = 60.0
"""Recordings that share more than this by their clocks share events: clocks of headers may be off by
some seconds, and a record lasts up to a minute."""

DIAGNOSTIC = "diagnostic"
KIND_WORDS = {DIAGNOSTIC: "without treatment", "pap": "on PAP", "appliance": "with an appliance"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Nights that enter, in order of time, and those that do not."""

    nights: tuple[ScoredNight, ...]
    excluded: tuple[ExcludedNight, ...]
    notes: tuple[Note, ...]


def therapy_kind(therapy: str) -> str:
    """``"pap"``, ``"appliance"``, or ``"diagnostic"`` where no treatment is known of."""
    return therapy if therapy in ("pap", "appliance") else DIAGNOSTIC


def kind_words(kind: str) -> str:
    """A kind of nights in words: ``"on PAP"``."""
    return KIND_WORDS[kind]


def select_nights(nights: Sequence[ScoredNight], *, therapy: str | None, adequacy: AdequacyRule) -> Selection:
    """Choose the nights that can be summed up together.

    Parameters
    ----------
    nights : sequence of ScoredNight
        Of one patient.
    therapy : str, optional
        Which nights are meant where they differ in treatment. By default those without treatment;
        where there are none, the larger of the treated groups.
    adequacy : AdequacyRule
        Tells below how many hours a night is no night.

    Returns
    -------
    Selection

    Raises
    ------
    NightsError
        Where usable nights were scored by different rules, or count per hour of different things.
    """
    excluded: dict[int, str] = {}
    kind = _chosen_kind(nights, therapy)
    for place, night in enumerate(nights):
        reason = _why_unusable(night, kind, adequacy)
        if reason is not None:
            excluded[place] = reason
    usable = [place for place in range(len(nights)) if place not in excluded]
    _refuse_mixtures([nights[place] for place in usable])
    excluded |= _repeated(nights, usable)
    kept = sorted(
        (place for place in usable if place not in excluded),
        key=lambda place: (nights[place].start_local or datetime.max, place),
    )
    chosen = tuple(nights[place] for place in kept)
    return Selection(
        nights=chosen,
        excluded=tuple(
            ExcludedNight(file=nights[place].file, reason=excluded[place]) for place in sorted(excluded)
        ),
        notes=_notes(chosen),
    )


def _chosen_kind(nights: Sequence[ScoredNight], therapy: str | None) -> str:
    if therapy is not None:
        return therapy_kind(therapy)
    kinds = [therapy_kind(night.therapy) for night in nights]
    if not kinds or DIAGNOSTIC in kinds:
        return DIAGNOSTIC
    return max(dict.fromkeys(kinds), key=kinds.count)


def _why_unusable(night: ScoredNight, kind: str, adequacy: AdequacyRule) -> str | None:
    own_kind = therapy_kind(night.therapy)
    if own_kind != kind:
        return f"recorded {kind_words(own_kind)}: not mixed with nights {kind_words(kind)}"
    if night.ahi_per_h is None or night.n_events is None:
        return f"no AHI: {night.no_ahi_reason or 'the night gives no reason'}"
    if night.adequacy == "inadequate" or night.monitoring_h <= 0.0:
        least_h = adequacy.partial_from_h
        if night.monitoring_h >= least_h:
            return night.reasons[-1] if night.reasons else "inadequate"
        return f"inadequate: less than {least_h:g} h that can be judged ({night.monitoring_h:.2f} h)"
    return None


def _refuse_mixtures(nights: Sequence[ScoredNight]) -> None:
    rules = {night.rules_id: night for night in reversed(nights)}
    if len(rules) > 1:
        words = ", ".join(f"{name} ({night.file})" for name, night in reversed(rules.items()))
        raise NightsError(f"nights: expected one rule set, got {len(rules)}: {words}")
    denominators = {night.denominator: night for night in reversed(nights)}
    if len(denominators) > 1:
        words = ", ".join(f"{name} ({night.file})" for name, night in reversed(denominators.items()))
        raise NightsError(f"nights: expected an AHI per hour of one thing, got hours of {words}")


def _repeated(nights: Sequence[ScoredNight], usable: Sequence[int]) -> dict[int, str]:
    """Nights that are in the summary already: a person's scoring counts first, then more hours."""
    ranked = sorted(
        usable, key=lambda place: (nights[place].scoring != "edited", -nights[place].monitoring_h, place)
    )
    kept: list[int] = []
    excluded: dict[int, str] = {}
    for place in ranked:
        twin = next((other for other in kept if is_same_night(nights[place], nights[other])), None)
        if twin is None:
            kept.append(place)
        else:
            excluded[place] = _repetition_words(nights[place], nights[twin])
    return excluded


def is_same_night(one: ScoredNight, other: ScoredNight) -> bool:
    """Whether two nights share time by their clocks; without dates, whether they have the same content."""
    if one.start_local is not None and other.start_local is not None:
        return overlap_s(one, other) > SAME_TIME_S
    return _is_same_content(one, other)


def _is_same_content(one: ScoredNight, other: ScoredNight) -> bool:
    """Compared by checksum, and files only read for it where nothing else tells them apart."""
    if one.duration_s != other.duration_s:
        return False
    if one.source is not None and other.source is not None and one.source.n_bytes != other.source.n_bytes:
        return False
    first = _sha256(one)
    return first is not None and first == _sha256(other)


def _sha256(night: ScoredNight) -> str | None:
    if night.sha256 is not None or night.source is None:
        return night.sha256
    try:
        return night.source.sha256()
    except OSError:  # moved since it was read: nothing can be compared
        return None


def _repetition_words(night: ScoredNight, twin: ScoredNight) -> str:
    is_same = night.start_local == twin.start_local and night.duration_s == twin.duration_s
    if is_same:
        return f"the same recording as {twin.file}: a night counts once"
    minutes = overlap_s(night, twin) / 60.0
    return f"overlaps {twin.file} by {minutes:.0f} min: a night counts once"


def _notes(nights: Sequence[ScoredNight]) -> tuple[Note, ...]:
    notes: list[Note] = []
    undated = [night for night in nights if night.start_local is None]
    if undated and len(nights) > 1:
        text = f"{len(undated)} of {len(nights)} nights have no date: taken as nights in a row, in this order"
        notes.append(Note("undated_nights", text))
    unknown = [night for night in nights if night.therapy == "unknown"]
    if unknown:
        text = f"no file tells of treatment for {len(unknown)} of {len(nights)} nights: taken as without any"
        notes.append(Note("therapy_unknown", text))
    edited = [night for night in nights if night.scoring == "edited"]
    if edited and len(edited) < len(nights):
        text = f"{len(edited)} of {len(nights)} nights were scored by a person, the others automatically"
        notes.append(Note("mixed_scoring", text))
    return tuple(notes)
