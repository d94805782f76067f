"""The public holidays of countries, and what is refused about them."""

import pickle
import sys
from pathlib import Path

import pytest

from jobsched.calendars.country import country_of
from tests.unit.calendars.test_reading import closed_days, mistakes, ordinal, read


def test_the_holidays_of_a_country_are_closed_under_their_names(tmp_path: Path) -> None:
    company = read(tmp_path, "{holidays: {country: DE}}")

    found = closed_days(company, "2026-04-01", "2026-05-31")

    assert found == ["2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25"]
    assert company.reason(ordinal("2026-12-25"), 0) == "Christmas Day"


def test_a_subdivision_has_its_own(tmp_path: Path) -> None:
    epiphany = ordinal("2027-01-06")

    country = read(tmp_path, "{holidays: {country: DE}}")
    bavaria = read(tmp_path, "{holidays: {country: de, subdivision: BY}}")

    assert country.closed(epiphany) == ()
    assert bavaria.closed(epiphany) == ((0, 86_400),)
    assert bavaria.reason(epiphany, 0) == "Epiphany"


def test_norway_is_a_country_and_no_truth_value(tmp_path: Path) -> None:
    norway = read(tmp_path, "{holidays: {country: NO}}")

    assert norway.closed(ordinal("2026-05-17")) == ((0, 86_400),)


def test_the_name_of_a_holiday_explains_more_than_a_listed_date(tmp_path: Path) -> None:
    company = read(tmp_path, "{dates: [2026-12-25], holidays: {country: DE}}")

    assert company.reason(ordinal("2026-12-25"), 0) == "Christmas Day"


def test_years_of_which_nothing_is_known_are_open(tmp_path: Path) -> None:
    company = read(tmp_path, "{holidays: {country: DE}}")

    assert [company.closed(day) for day in (-5, 1, ordinal("9999-12-31"))] == [(), (), ()]


def test_equal_countries_are_equal_also_after_a_journey() -> None:
    bavaria = country_of("DE", "BY")

    assert pickle.loads(pickle.dumps(bavaria)) == bavaria  # noqa: S301 - our own
    assert bavaria != country_of("DE", None)


REFUSED = {
    "DE": ": must be a mapping such as {country: DE, subdivision: BY}",
    "{subdivision: BY}": ": 'country' is missing",
    "{country: [DE]}": ".country: must be written like DE",
    "{country: Germany}": ".country: no holidays are known of 'Germany'. Did you mean DE?",
    "{country: DEX}": ".country: no holidays are known of 'DEX'. Did you mean DE?",
    "{country: XX}": ".country: no holidays are known of 'XX'.",
    "{country: DE, subdivision: Bayren}": (
        ".subdivision: DE has no subdivision 'Bayren'. Did you mean Bayern?"
    ),
    "{country: DE, subdivision: XX}": ".subdivision: DE has no subdivision 'XX'. It has BB, BE,",
    "{country: MC, subdivision: XX}": ".subdivision: MC has no subdivision 'XX'. It has none.",
    "{country: DE, region: BY}": ".region: there is no such key.",
}


@pytest.mark.parametrize("text", REFUSED)
def test_an_unknown_country_is_refused_with_the_nearest(tmp_path: Path, text: str) -> None:
    found = mistakes(tmp_path, f"company:\n  holidays: {text}\n")

    assert len(found) == 1
    assert found[0].startswith(f"calendars.yaml:2: company.holidays{REFUSED[text]}")


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)

    found = mistakes(tmp_path, "company: {holidays: {country: DE}}")

    advice = "needs the package holidays: pip install 'jobsched[holidays]'"
    assert found == [f"calendars.yaml:1: company.holidays: {advice}"]
