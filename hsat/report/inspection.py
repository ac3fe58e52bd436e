"""An `Inspection` as JSON and as text."""

from collections.abc import Sequence
from typing import Any

from hsat.inspection import InspectedChannel, Inspection
from hsat.report.document import json_text
from hsat.report.failed import FailedNight
from hsat.report.plain import printable
from hsat.report.subject import absent_patient_words

__all__ = ["SCHEMA", "inspection_json", "inspection_text", "inspections_json", "inspections_text"]

SCHEMA = "hsat.inspect/1"


def inspection_json(inspection: Inspection) -> str:
    """One file as JSON (``schema: "hsat.inspect/1"``)."""
    return json_text(_document(inspection))


def inspections_json(results: Sequence[Inspection | FailedNight]) -> str:
    """Several files as a JSON list; a failed one as ``{file, error}``."""
    return json_text(
        [_document(r) if isinstance(r, Inspection) else {"file": r.file, "error": r.error} for r in results]
    )


def _document(inspection: Inspection) -> dict[str, Any]:
    scorable = inspection.scorable
    return {
        "schema": SCHEMA,
        "file": inspection.file,
        "format": inspection.format,
        "start_local": inspection.start_local.isoformat() if inspection.start_local else None,
        "duration_s": inspection.duration_s,
        "n_records": inspection.n_records,
        "record_duration_s": inspection.record_duration_s,
        "gaps_s": inspection.gaps_s.tolist(),
        "n_annotations": inspection.n_annotations,
        "device": None if inspection.device.profile == "generic" else inspection.device.name,
        "therapy": inspection.device.therapy,
        "patient": inspection.patient,
        "channels": [_channel_document(channel) for channel in inspection.channels],
        "scorable": {
            "apneas": scorable.apneas,
            "hypopneas": scorable.hypopneas,
            "desaturations": scorable.desaturations,
            "kinds": scorable.kinds,
            "reasons": list(scorable.reasons),
        },
        "notes": [{"code": note.code, "text": note.text} for note in inspection.notes],
    }


def _channel_document(channel: InspectedChannel) -> dict[str, Any]:
    quality = channel.quality
    return {
        "source_label": channel.source_label,
        "name": channel.name,
        "rate_hz": channel.rate_hz,
        "unit": channel.unit,
        "physical_range": list(channel.physical_range),
        "digital_range": list(channel.digital_range),
        "mapped_by": channel.mapped_by,
        "quality": {
            "missing_percent": quality.missing_percent,
            "flat_percent": quality.flat_percent,
            "lowest": quality.lowest,
            "highest": quality.highest,
            "sentence": quality.sentence,
        },
    }


def inspections_text(results: Sequence[Inspection | FailedNight]) -> str:
    """Several files as text, one after the other."""
    return "\n".join(
        inspection_text(r) if isinstance(r, Inspection) else f"{printable(r.error)}\n" for r in results
    )


def inspection_text(inspection: Inspection) -> str:
    """One file as text for people."""
    facts = [
        ("Format", inspection.format),
        ("Start", _start(inspection)),
        ("Duration", _duration(inspection)),
        ("Device", f"{inspection.device.name}, therapy {inspection.device.therapy}"),
        ("Patient", inspection.patient or absent_patient_words(inspection.notes)),
        ("Annotations", str(inspection.n_annotations)),
        ("Gaps", _gaps(inspection)),
    ]
    lines = [printable(inspection.file), *(f"  {name:<12} {printable(value)}" for name, value in facts), ""]
    lines += _channel_table(inspection.channels)
    lines += ["", "  Can be scored"]
    scorable = inspection.scorable
    answers = (
        ("apneas", scorable.apneas),
        ("hypopneas", scorable.hypopneas),
        ("desaturations", scorable.desaturations),
        ("kinds of apnea", scorable.kinds),
    )
    lines += [f"    {what:<15} {'yes' if answer else 'no'}" for what, answer in answers]
    lines += [f"    - {printable(reason)}" for reason in scorable.reasons]
    if inspection.notes:
        lines += ["", "  Notes", *(f"    - {printable(note.text)}" for note in inspection.notes)]
    return "\n".join(lines) + "\n"


def _start(inspection: Inspection) -> str:
    if inspection.start_local is None:
        return "unknown"
    return inspection.start_local.isoformat(sep=" ", timespec="seconds")


def _duration(inspection: Inspection) -> str:
    if not inspection.n_records:
        return "0:00:00 (no data records)"
    records = f"{inspection.n_records} records of {inspection.record_duration_s:g} s"
    return f"{_clock(inspection.duration_s)} ({records})"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


LARGEST_GAP_LIST = 6


def _gaps(inspection: Inspection) -> str:
    rows = inspection.gaps_s.tolist()
    if not rows:
        return "none"
    shown = ", ".join(f"{_clock(start)} to {_clock(stop)}" for start, stop in rows[:LARGEST_GAP_LIST])
    more = f" and {len(rows) - LARGEST_GAP_LIST} more" if len(rows) > LARGEST_GAP_LIST else ""
    return f"{len(rows)}: {shown}{more}"


def _channel_table(channels: Sequence[InspectedChannel]) -> list[str]:
    if not channels:
        return ["  No signals."]
    rows = [("Label", "Read as", "Rate", "Unit", "Samples")]
    for channel in channels:
        name = channel.name or "-"
        if channel.mapped_by is not None and channel.mapped_by.endswith("; not used"):
            name = f"({name})"
        rate = f"{channel.rate_hz:.6g} Hz" if channel.rate_hz is not None else "-"
        rows.append(
            (
                printable(channel.source_label),
                name,
                rate,
                printable(channel.unit) or "-",
                channel.quality.sentence,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  "
        + "  ".join([*(row[column].ljust(widths[column]) for column in range(4)), printable(row[4])]).rstrip()
        for row in rows
    ]
