"""Folders to nights: a device's card, a vendor's export, or files that have nothing in common."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import overload

from hsat.errors import HsatError, ReadError, RulesError
from hsat.io.duplicates import SeenFiles, without_cut_copies
from hsat.io.listing import UnlistedFolder, walk_recordings
from hsat.io.normalize import COMPANION_CODE
from hsat.io.parallel import join_parallel
from hsat.io.reading import read_recording
from hsat.io.splitting import split_nights
from hsat.nights.grouping import LeftOut, group_nights
from hsat.recording import Recording

__all__ = ["FolderNights", "gather_nights", "read_nights"]

TABLE_BESIDE = "a table of an oximeter, which is read if named, or joined with --oximetry"
WITHOUT_DATA = "a header without data: the device was switched on and recorded nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderNights(Sequence[Recording]):
    """The nights of a folder: a sequence of `Recording`, one a night.

    Attributes
    ----------
    recordings : tuple of Recording
    left_out : tuple of LeftOut
        Files that are in no night, each with its reason: what a device writes beside its
        recordings, tests of the device, files without data, copies.
    failed : tuple of LeftOut
        Files that cannot be read, each with its error in one line.
    """

    recordings: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...] = ()
    failed: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.recordings)

    @overload
    def __getitem__(self, index: int) -> Recording: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Recording, ...]: ...
    def __getitem__(self, index: int | slice) -> Recording | tuple[Recording, ...]:
        return self.recordings[index]


def read_nights(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    channel_map: Mapping[str, str] | None = None,
    patient: str | None = None,
    keep_identifiers: bool = False,
    therapy: str | None = None,
    age_years: float | None = None,
    sex: str | None = None,
) -> FolderNights:
    """Read a folder, or a file, as nights: one recording a night.

    Files of one folder are joined where one device wrote them for one patient: side by side (flow
    and oximetry in files of their own) or one after the other from noon to noon, the pauses kept as
    gaps. A file of more than a day is cut at noon. Everything else stays one recording a file.
    Samples are not loaded.

    Parameters
    ----------
    path : str or path-like
        A folder, walked as ``hsat score`` walks it, or a file.
    device, channel_map, patient, keep_identifiers, therapy, age_years, sex
        As for `hsat.read_recording`, for every file.

    Returns
    -------
    FolderNights
        A sequence of `Recording` in the order of names, with what was left out and what failed.

    Raises
    ------
    ReadError
        Where there is no such file or folder, the folder holds no recording, or none of its files
        can be read.
    HsatError
        Where an argument has a value that is not allowed.
    """
    name = os.fspath(path)

    def read(file: str) -> Recording:
        return read_recording(
            file,
            device=device,
            channel_map=channel_map,
            patient=patient,
            keep_identifiers=keep_identifiers,
            therapy=therapy,
            age_years=age_years,
            sex=sex,
        )

    if not os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises on names too long
        return FolderNights(recordings=split_nights(read(name)))
    nights: list[Recording] = []
    left_out: list[LeftOut] = []
    failed: list[LeftOut] = []
    seen = SeenFiles()
    for _, items in groupby(walk_recordings(name), key=_folder_of):
        files: list[str] = []
        for item in items:
            if isinstance(item, UnlistedFolder):
                failed.append(LeftOut(item.path, f"{item.path}: cannot be listed: {item.reason}"))
            else:
                files.append(item)
        gathered = gather_nights(files, read, seen=seen)
        nights.extend(gathered.recordings)
        left_out.extend(gathered.left_out)
        failed.extend(gathered.failed)
    if not nights:
        reason = failed[0].reason if failed else "no recording in this folder"
        raise ReadError(reason if name in reason else f"{name}: {reason}")
    return FolderNights(recordings=tuple(nights), left_out=tuple(left_out), failed=tuple(failed))


def _folder_of(item: str | UnlistedFolder) -> str:
    return item.path if isinstance(item, UnlistedFolder) else os.path.dirname(item)  # noqa: PTH120 - as given


def gather_nights(
    paths: Sequence[str],
    read: Callable[[str], Recording],
    *,
    seen: SeenFiles | None = None,
    is_whole_folder: bool = True,
) -> FolderNights:
    """Read the files of one folder as nights.

    Parameters
    ----------
    paths : sequence of str
        Files of one folder.
    read : callable
        Reads one file; a `HsatError` makes the file one of those that failed.
    seen : SeenFiles, optional
        Files met before, in other folders; copies of them are left out.
    is_whole_folder : bool
        Whether `paths` are all recordings of their folder: tables beside them are looked for then.

    Returns
    -------
    FolderNights
    """
    seen = SeenFiles() if seen is None else seen
    files: list[Recording] = []
    left_out: list[LeftOut] = []
    failed: list[LeftOut] = []
    for path in paths:
        original = seen.original_of(path)
        if original is not None:
            left_out.append(LeftOut(path, f"the same content as {original}", original))
            continue
        try:
            recording = read(path)
        except RulesError:
            raise
        except HsatError as error:
            failed.append(LeftOut(path, str(error)))
            continue
        if recording.source.stream is not None and not recording.duration_s > 0:
            left_out.append(LeftOut(path, WITHOUT_DATA))
        else:
            files.append(recording)
    kept, cut = without_cut_copies(files)
    left_out.extend(LeftOut(path, f"the beginning of {longer}", longer) for path, longer in cut)
    sessions = [night for recording in kept for night in split_nights(recording)]
    whole: list[Recording] = []
    for recording in join_parallel(sessions):
        companion = next((note.text for note in recording.notes if note.code == COMPANION_CODE), None)
        if companion is None:
            whole.append(recording)
        else:
            left_out.append(LeftOut(recording.source.path, companion))
    if is_whole_folder:
        left_out.extend(LeftOut(path, TABLE_BESIDE) for path in _tables_beside(paths))
    grouped = group_nights(whole)
    return FolderNights(
        recordings=grouped.nights, left_out=(*left_out, *grouped.left_out), failed=tuple(failed)
    )


def _tables_beside(paths: Sequence[str]) -> list[str]:
    """Tables of oximeters in the folder of the files, other than those."""
    if not paths:
        return []
    from hsat.io.oximeters import find_oximeter_tables

    folder = os.path.dirname(paths[0])  # noqa: PTH120 - as given
    return [path for path in find_oximeter_tables(folder or ".") if path not in paths]
