"""The digest that follows what is read: that of `hashlib` over the whole file, whatever was read of it."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from edf_bytes import Channel, Header, build

from hsat.io import read_recording
from hsat.io.digest import RunningDigest


@pytest.fixture
def night(tmp_path):
    """A file of 200 000 bytes."""
    path = tmp_path / "night.edf"
    path.write_bytes(b"".join(np.random.default_rng(3).bytes(50) for _ in range(4000)))
    return path


def expected(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_nobody_read_is_read_in_the_end(night):
    assert RunningDigest(str(night)).hexdigest() == expected(night)


@pytest.mark.parametrize("pieces", [[(0, 256), (256, 90_000)], [(0, 300), (300, 200_000)], [(0, 200_000)]])
def test_what_is_followed_from_the_start_counts(night, pieces):
    content = night.read_bytes()
    digest = RunningDigest(str(night))
    for start, stop in pieces:
        digest.follow(start, memoryview(content)[start:stop])
    # Taken from memory, not read again: other bytes on the disk leave those that were followed.
    night.write_bytes(b"\0" * pieces[-1][1] + content[pieces[-1][1] :])
    assert digest.hexdigest() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("pieces", [[(500, 900)], [(0, 256), (300, 900)], [(0, 900), (0, 900), (256, 900)]])
def test_what_is_skipped_or_read_again_changes_nothing(night, pieces):
    content = night.read_bytes()
    digest = RunningDigest(str(night))
    digest.start(0)
    for start, stop in pieces:
        digest.follow(start, content[start:stop])
    assert digest.hexdigest() == expected(night)


@pytest.mark.parametrize(("n_large", "is_all_read"), [(10, True), (200_000, False)])
def test_a_pass_over_the_samples_is_followed(tmp_path, n_large, is_all_read):
    # Of long records only what is asked for is read: then the digest reads the file by itself.
    rng = np.random.default_rng(8)
    channels = [
        Channel(label=label, stored=rng.integers(-100, 100, (30, n)).astype(np.int16))
        for label, n in (("Flow", 10), ("EEG", n_large))
    ]
    records, tail = build(Header(), channels), b"bytes behind the last record"
    path = tmp_path / "night.edf"
    path.write_bytes(records + tail)
    flow = read_recording(path).signal("flow")
    digest = RunningDigest(str(path))
    source = replace(flow.source, digest=digest)
    digest.start(source.data_start)
    for _ in source.blocks([flow.source_index]):
        pass
    if is_all_read:  # what was followed is not read from the file again
        path.write_bytes(bytes(len(records)) + tail)
    assert digest.hexdigest() == hashlib.sha256(records + tail).hexdigest()
