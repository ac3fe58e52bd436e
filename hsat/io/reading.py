"""`read_recording`: one file to one `hsat.recording.Recording`."""

import os
from collections.abc import Mapping
from numbers import Real
from pathlib import Path

from hsat.errors import HsatError, shown
from hsat.io.devices import THERAPIES, DeviceProfile, identify_device
from hsat.io.edf import EdfFile, read_edf
from hsat.io.identity import pseudonym
from hsat.io.layout import EDF_STARTS, FIXED_BYTES
from hsat.io.normalize import NormalizedFile, normalize
from hsat.recording import Note, Recording, Subject

__all__ = ["check_patient", "is_table", "read_normalized", "read_recording"]

SEXES = ("F", "M")
MOST_YEARS = 130.0
"""Nobody has lived longer: what is more was meant otherwise, as months or a year of birth."""


def is_table(path: str | os.PathLike[str]) -> bool:
    """Whether a file is to be read as the table of an oximeter; looked into only where it is no EDF.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    bool
    """
    try:
        if not Path(path).is_file():  # a pipe would be waited for
            return False
        with Path(path).open("rb", buffering=0) as file:
            if file.read(FIXED_BYTES).startswith(EDF_STARTS):
                return False
    except (OSError, ValueError):  # reading it says why
        return False
    from hsat.io.oximeters import is_oximeter_table

    return is_oximeter_table(path)


def read_recording(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    channel_map: Mapping[str, str] | None = None,
    patient: str | None = None,
    keep_identifiers: bool = False,
    therapy: str | None = None,
    age_years: float | None = None,
    sex: str | None = None,
) -> Recording:
    """Read one EDF, EDF+ or BDF file, or the table of an oximeter (CSV).

    Samples of EDF and BDF are not loaded: each signal reads them when asked. A recording without
    respiration or SpO2 is returned all the same; scoring refuses it.

    Parameters
    ----------
    path : str or path-like
        The file; kept in the result as given.
    device : str, optional
        Name or path of a device profile; else it is found by the file's contents.
    channel_map : mapping of str to str, optional
        Canonical name to label, before any other way of finding channels.
    patient : str, optional
        Code that stands for the patient in the result, instead of the pseudonym.
    keep_identifiers : bool
        Whether the header's patient code is shown instead of its pseudonym.
    therapy : str, optional
        ``"none"``, ``"pap"``, ``"appliance"`` or ``"unknown"``, instead of the profile's.
    age_years : float, optional
        Age, instead of the header's.
    sex : str, optional
        ``"F"`` or ``"M"``, instead of the header's.

    Returns
    -------
    Recording

    Raises
    ------
    ReadError
        Where the file cannot be read as a recording.
    UnknownDeviceError
        Where no profile has the name, or several fit.
    RulesError
        Where the profile file is wrong.
    MissingChannelError
        Where `channel_map` names a label that is not in the file.
    HsatError
        Where an argument has a value that is not allowed.
    """
    if is_table(path):
        from hsat.io.oximeters import read_oximeter_table

        check_patient(patient=patient, age_years=age_years, sex=sex, therapy=therapy)
        subject = Subject(patient=patient, age_years=age_years, sex=sex)
        return read_oximeter_table(
            path, subject=subject, channel_map=channel_map, device=device, therapy=therapy
        )
    return read_normalized(
        path,
        device=device,
        channel_map=channel_map,
        patient=patient,
        keep_identifiers=keep_identifiers,
        therapy=therapy,
        age_years=age_years,
        sex=sex,
    )[0].recording


def read_normalized(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    channel_map: Mapping[str, str] | None = None,
    patient: str | None = None,
    keep_identifiers: bool = False,
    therapy: str | None = None,
    age_years: float | None = None,
    sex: str | None = None,
) -> tuple[NormalizedFile, EdfFile, DeviceProfile]:
    """Read one file and keep what inspection needs beside the recording.

    Parameters and errors are those of `read_recording`.

    Returns
    -------
    tuple of NormalizedFile, EdfFile, DeviceProfile
    """
    check_patient(patient=patient, age_years=age_years, sex=sex, therapy=therapy)
    edf = read_edf(path)
    profile = identify_device(edf, name_or_path=device)
    subject, notes = _subject(edf, patient, keep_identifiers, age_years, sex)
    normalized = normalize(
        edf, profile, channel_map=channel_map or {}, subject=subject, therapy=therapy, notes=notes
    )
    return normalized, edf, profile


def check_patient(
    *, patient: str | None, age_years: float | None, sex: str | None, therapy: str | None
) -> None:
    """Refuse what cannot be said of a patient.

    Parameters
    ----------
    patient, age_years, sex, therapy
        As for `read_recording`.

    Raises
    ------
    HsatError
        Where one has a value that is not allowed.
    """
    code: object = patient  # Python lets anything in
    if code is not None and not (isinstance(code, str) and code.strip() and code.isprintable()):
        raise HsatError(f"patient: expected a code of printable characters, got {shown(patient)}")
    is_number = isinstance(age_years, Real)
    if age_years is not None and not (is_number and 0.0 <= age_years <= MOST_YEARS):
        raise HsatError(f"age_years: expected years from 0 to {MOST_YEARS:g}, got {shown(age_years)}")
    _refuse_value("sex", sex, SEXES)
    _refuse_value("therapy", therapy, THERAPIES)


def _refuse_value(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise HsatError(f"{name}: expected one of {', '.join(allowed)}, got {shown(value)}")


def _subject(
    edf: EdfFile, patient: str | None, keep_identifiers: bool, age_years: float | None, sex: str | None
) -> tuple[Subject, tuple[Note, ...]]:
    header = edf.subject
    shown: str | None
    notes: tuple[Note, ...] = ()
    if patient is not None:
        shown = patient
    elif keep_identifiers:
        shown = header.code
    else:
        shown, notes = pseudonym(header.code)
    subject = Subject(
        patient=shown,
        age_years=header.age_years if age_years is None else age_years,
        sex=header.sex if sex is None else sex,
    )
    return subject, notes
