"""A recording read a second time, for a result that keeps no samples."""

from hsat.errors import ReadError
from hsat.io.reading import read_recording
from hsat.recording import Recording
from hsat.results import ChannelInfo, RecordingInfo

__all__ = ["read_again"]

WAY_OUT = "give the recording itself"


def read_again(info: RecordingInfo) -> Recording:
    """Read the file that a result came from, if it is still the same.

    Parameters
    ----------
    info : RecordingInfo
        Of the result.

    Returns
    -------
    Recording

    Raises
    ------
    ReadError
        Where the result came from several files or from none, or where size, start, length or
        channels of the file are no longer those that were scored.
    """
    source = info.source
    if source.format == "memory" or source.parts:
        kind = "memory" if source.format == "memory" else f"{len(source.parts)} files"
        raise ReadError(f"{source.path}: cannot be read again: it came from {kind}; {WAY_OUT}")
    recording = read_recording(source.path)
    channels = tuple(
        ChannelInfo(
            name=signal.name, source_label=signal.source_label, rate_hz=signal.rate_hz, unit=signal.unit
        )
        for signal in recording.signals
    )
    pairs = {
        "size": (source.n_bytes, recording.source.n_bytes),
        "start": (info.start_local, recording.start_local),
        "length": (info.duration_s, recording.duration_s),
        "channels": (info.channels, channels),
    }
    for what, (scored, found) in pairs.items():
        if scored != found:
            raise ReadError(
                f"{source.path}: cannot be read again: no longer what was scored ({what}); {WAY_OUT}"
            )
    return recording
