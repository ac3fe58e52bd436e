"""Scorings as EDF+ or BDF+ annotations: anybody's, and the events that a PAP device wrote."""

from hsat.errors import ReadError
from hsat.io.edf import EdfFile, read_edf
from hsat.io.scorings.names import find_meaning
from hsat.io.scorings.source import ScoringFile
from hsat.io.scorings.vendor import VendorEvents, shift_to_recording
from hsat.io.timeline import dated_start
from hsat.recording import Note
from hsat.scorings import Scoring

__all__ = ["EDF_ANNOTATIONS", "RESMED_EVENTS", "read_edf_annotations"]

EDF_ANNOTATIONS = "EDF+ annotations"
RESMED_EVENTS = "ResMed EVE"

EVE_EQUIPMENT = "MID="
EVE_OPENING = "Recording starts"
"""ResMed event files name the machine by ``SRN=... MID=... VID=...`` and begin with this annotation."""
EVE_HYPOPNEA_S = 20.0
"""A ResMed event file gives hypopneas no length. So much before the stamp is a guess: at least 10 s
by the device's definition, about the mean of hypopneas in polysomnography."""


def read_edf_annotations(file: ScoringFile) -> Scoring:
    """Read the respiratory events among a file's annotations.

    Parameters
    ----------
    file : ScoringFile
        EDF+ or BDF+, with or without signals, placed by its own start. In a ResMed event file
        (EVE) a stamp is the end of its event, and hypopneas, which have no length there, are given
        20 s.

    Returns
    -------
    Scoring

    Raises
    ------
    ReadError
        Where it cannot be read, holds no annotations, or starts on another day than the recording.
    """
    edf = read_edf(file.path)
    if not edf.annotations:
        raise ReadError(
            f"{file.path}: expected annotations with events, got an {edf.format} file without any"
        )
    own_start = dated_start(edf.start_local, file.start_local)
    shift_s, placed = shift_to_recording(file, own_start)
    collected = VendorEvents(path=file.path, shift_s=shift_s)
    is_eve = _is_device_log(edf)
    n_guessed = 0
    for annotation in edf.annotations:
        duration_s = annotation.duration_s or 0.0
        if not is_eve:
            collected.add(annotation.text, annotation.onset_s, annotation.onset_s + duration_s)
            continue
        if duration_s <= 0.0 and find_meaning(annotation.text) is not None:
            duration_s = EVE_HYPOPNEA_S
            n_guessed += 1
        collected.add(annotation.text, annotation.onset_s - duration_s, annotation.onset_s)
    notes = [placed]
    if n_guessed:
        text = f"scoring: {n_guessed} events of no length by the device: the {EVE_HYPOPNEA_S:g} s before"
        notes.append(Note("scoring_guessed_length", text))
    start_local = file.start_local if file.start_local is not None else own_start
    has_signals = any(channel.is_signal for channel in edf.channels)
    return collected.scoring(
        RESMED_EVENTS if is_eve else EDF_ANNOTATIONS,
        *notes,
        start_local=start_local,
        duration_s=edf.duration_s if has_signals and shift_s == 0.0 and edf.duration_s > 0.0 else None,
    )


def _is_device_log(edf: EdfFile) -> bool:
    is_opened = any(annotation.text == EVE_OPENING for annotation in edf.annotations)
    has_checksums = any(channel.is_checksum for channel in edf.channels)
    return is_opened and (has_checksums or EVE_EQUIPMENT in edf.equipment)
