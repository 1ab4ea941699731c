"""The short form of the driver: downloads that are killed are continued."""

from tests.drivers import downloads

KILLS = 5


def test_killed_downloads_leave_nothing_damaged_and_are_continued() -> None:
    result = downloads.kill_repeatedly(KILLS)
    assert not result.wrong
    assert result.killed >= KILLS
    assert result.finished == 2
    assert result.under_way >= KILLS / 2
    assert result.continued >= KILLS / 2
