"""The daily summary of a treatment device: values planted in a file, days without use, real cards."""

from datetime import date, datetime

import numpy as np
import pytest
from edf_bytes import Channel

import hsat
from hsat.errors import ReadError
from hsat.io.daily import is_daily_series, read_daily_series
from tests.card_files import write_file

DAY_0 = (date(2026, 3, 1) - date(1970, 1, 1)).days


def write_summary(path, rows, *, labels=("AHI", "Duration", "Date")):
    """Rows of tenths of events per hour, minutes, days since 2026-03-01; limits as the devices write them."""
    ahi, minutes, days = (np.array(column).reshape(-1, 1) for column in zip(*rows, strict=True))
    limits = {"physical": ("0", "240"), "digital": ("0", "2400")}
    channels = [
        Channel(label=labels[0], stored=ahi, **limits),
        Channel(label=labels[1], stored=minutes, unit="min.", physical=("0", "1440"), digital=("0", "1440")),
        Channel(label=labels[2], stored=days, physical=("0", "24836"), digital=("0", "24836")),
        Channel(label="MaskOn", stored=np.zeros((len(rows), 1), int)),
        Channel(label="MaskOff", stored=np.zeros((len(rows), 1), int)),
    ]
    return write_file(path, datetime(2026, 3, 1, 12), channels, duration_s=86_400)


def test_days_are_read_as_planted(tmp_path):
    path = write_summary(tmp_path / "STR.edf", [(25, 480, DAY_0), (6, 90, DAY_0 + 1), (0, 300, DAY_0 + 5)])
    series = read_daily_series(path)
    assert [night.ahi_per_h for night in series.nights] == [2.5, 0.6, 0.0]
    assert [night.monitoring_h for night in series.nights] == [8.0, 1.5, 5.0]
    assert [night.n_events for night in series.nights] == [20, 1, 0]  # 2.5 x 8, 0.6 x 1.5 = 0.9, 0
    assert [night.start_local.date() for night in series.nights] == [
        date(2026, 3, 1),
        date(2026, 3, 2),
        date(2026, 3, 6),
    ]
    assert {(night.therapy, night.scoring, night.denominator) for night in series.nights} == {
        ("pap", "device", "usage")
    }


def test_days_without_a_value_use_or_date_are_left_out_with_reasons(tmp_path):
    rows = [(-1, -1, DAY_0), (0, 0, DAY_0 + 1), (10, 1500, DAY_0 + 2), (10, 400, -1), (10, 400, DAY_0 + 3)]
    series = read_daily_series(write_summary(tmp_path / "STR.edf", rows))
    assert [night.start_local.date() for night in series.nights] == [date(2026, 3, 4)]
    assert [item.reason for item in series.excluded] == [
        "the device stored no value: not used on this day",
        "not used on this day",
        "25.0 h of use in one day",
        "the device stored no date",
    ]
    assert series.excluded[0].file.endswith("STR.edf 2026-03-01")


def test_a_day_under_two_hours_is_no_night(tmp_path):
    path = write_summary(tmp_path / "STR.edf", [(10, 119, DAY_0), (10, 120, DAY_0 + 1), (10, 240, DAY_0 + 2)])
    summary = hsat.summarize_nights(read_daily_series(path).nights)
    assert [night.adequacy for night in summary.nights] == ["partial", "adequate"]
    assert "less than 2 h" in summary.excluded[0].reason


def test_labels_of_an_older_device_are_known(tmp_path):
    path = write_summary(tmp_path / "STR.edf", [(10, 240, DAY_0)], labels=("AHI", "Mask Dur", "Date"))
    assert len(read_daily_series(path).nights) == 1


def test_a_recording_is_no_daily_summary(samples):
    path = samples / "night-1.edf"
    assert not is_daily_series(path)
    with pytest.raises(ReadError, match="expected the daily summary of a treatment device"):
        read_daily_series(path)


def test_what_cannot_be_read_is_no_daily_summary(tmp_path):
    (tmp_path / "STR.edf").write_bytes(b"0       ")
    assert not is_daily_series(tmp_path / "STR.edf")
    assert not is_daily_series(tmp_path / "absent.edf")
    assert not is_daily_series(tmp_path / "notes.txt")


def test_real_cards_are_read_as_another_reader_reads_them(shared_data):
    import edfio

    for name, n_days in (("resmed-cpaplib", 18), ("resmed-cpappy", 367)):
        path = shared_data / "real" / "resmed-original" / name / "STR.edf"
        series = read_daily_series(path)
        other = edfio.read_edf(path)
        ahi, minutes = (other.get_signal(label).data for label in ("AHI", "Duration"))
        used = minutes > 0
        assert len(series.nights) + len(series.excluded) == n_days
        assert [night.ahi_per_h for night in series.nights] == pytest.approx(ahi[used].tolist(), abs=1e-6)
        assert [night.monitoring_h for night in series.nights] == pytest.approx((minutes[used] / 60).tolist())


def test_a_year_of_days_gives_a_residual_ahi_near_the_pooled_one(shared_data):
    path = shared_data / "real" / "resmed-original" / "resmed-cpappy" / "STR.edf"
    summary = hsat.summarize_nights(read_daily_series(path).nights)
    low, high = summary.posterior.ci95_ahi_per_h
    assert len(summary.nights) == 241
    assert low < summary.pooled_ahi_per_h < high
    assert summary.trend.p_value is not None
