"""The public holidays of a country, by the package ``holidays``, which is an extra."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType

from jobsched.calendars.base import WHOLE_DAY, Window
from jobsched.settings.suggestions import did_you_mean, nearest

_LANGUAGE = "en_US"  # else it depends on the variable LANG of the process


class UnknownCountry(ValueError):
    """There is no such country or subdivision; the text is a whole sentence."""


class UnknownSubdivision(UnknownCountry):
    """The country is known, its part is not."""


@dataclass(frozen=True, slots=True)
class Country:
    """The holidays of *country*, ISO 3166, or of one *subdivision*, looked up year by year."""

    country: str
    subdivision: str | None = None

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the whole day if it is a holiday."""
        return WHOLE_DAY if day in self._around(day) else ()

    def reason(self, day: int, second: int) -> str:
        """Return the name of the holiday in English, where the package has it."""
        del second
        return self._around(day).get(day, "")

    def _around(self, day: int) -> "MappingProxyType[int, str]":
        return year_of(self.country, self.subdivision, date.fromordinal(max(day, 1)).year)


@lru_cache(maxsize=4096)
def year_of(country: str, subdivision: str | None, year: int) -> "MappingProxyType[int, str]":
    """Return the names of the holidays of a *year* by day; none where the package knows none."""
    import holidays

    found = holidays.country_holidays(
        country, subdiv=subdivision, years=year, expand=False, language=_LANGUAGE
    )
    return MappingProxyType({day.toordinal(): name for day, name in found.items()})


def country_of(country: str, subdivision: str | None) -> Country:
    """Return the holidays that these codes name, letter case of the country aside.

    Raises: ImportError without the package; UnknownCountry, UnknownSubdivision.
    """
    import holidays

    known = holidays.list_supported_countries(include_aliases=True)
    code = country.upper()
    if code not in known:
        raise UnknownCountry(
            f"no holidays are known of {country[:40]!r}.{_nearest(country, known)}"
        )
    if subdivision is not None:
        _check_subdivision(code, subdivision)
    return Country(code, subdivision)


def _check_subdivision(code: str, subdivision: str) -> None:
    import holidays

    whole = holidays.country_holidays(code)
    known = (*whole.subdivisions, *getattr(whole, "subdivisions_aliases", {}))
    if subdivision not in known:
        some = f" It has {', '.join(whole.subdivisions[:20])}." if known else " It has none."
        hint = did_you_mean(subdivision, known) or some
        raise UnknownSubdivision(f"{code} has no subdivision {subdivision[:40]!r}.{hint}")


def _nearest(country: str, known: Iterable[str]) -> str:
    """Return a hint; also for a country that was called by its name."""
    from holidays.registry import COUNTRIES

    codes = {module.replace("_", " "): names[1] for module, names in COUNTRIES.items()}
    name = nearest(country, codes)
    return f" Did you mean {codes[name]}?" if name else did_you_mean(country, known)
