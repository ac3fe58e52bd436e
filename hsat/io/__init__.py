"""Reading recordings: files to `hsat.recording.Recording`."""

from hsat.io.devices import identify_device, list_profiles, load_profile
from hsat.io.edf import EdfFile, read_edf
from hsat.io.mapping import parse_channel_map
from hsat.io.reading import read_recording

__all__ = [
    "EdfFile",
    "identify_device",
    "list_profiles",
    "load_profile",
    "parse_channel_map",
    "read_edf",
    "read_recording",
]
