"""The trigger of a cron expression: read from JSON, told in words, with its warnings."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from jobsched.triggers.base import Trigger, TriggerWarning
from jobsched.triggers.cron.dialects import Dialect
from jobsched.triggers.cron.expression import BadExpression, Expression, read_expression
from jobsched.triggers.cron.words import tell
from jobsched.triggers.fields import Fields
from jobsched.triggers.series import Series
from jobsched.triggers.timeline import timeline
from jobsched.triggers.wall import Wall

_KEYS = ("expression", "dialect")


@dataclass(frozen=True, slots=True, kw_only=True)
class CronTrigger(Trigger):
    """The moments of *expression* by the clocks of the trigger's zone."""

    kind: ClassVar[str] = "cron"

    expression: Expression

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger that ``cron`` spells: a text, or an object with its dialect."""
        said, common = _read_cron(fields), fields.common(timezone)
        start = fields.moment("start", timezone)
        since = None if common["count"] is None else fields.since(created_us)
        if created_us is not None and said is not None and said.days.at_or_after(1) is None:
            fields.refuse("cron", "never", "cron can never fire: no month has such a day.")
        if said is None or fields.errors:
            return None
        return cls(**common, since_us=since, start_us=start, expression=said)

    def rule(self) -> Series:
        """Return the times of day on their days."""
        said = self.expression
        return Wall(timeline(self.timezone), said.days, said.times, said.fixed, self.dst)

    def stretched_back(self, next_us: int, last_us: int, now_us: int) -> Self:
        """Return the trigger as if it were no older than *now_us*.

        Only a count makes its creation matter, and grows by the moments that come before it.
        """
        del next_us, last_us
        if self.since_us is None or self.count is None or self.since_us <= now_us:
            return self
        younger = replace(self, since_us=now_us)
        more = self.series.count(younger.floor_us + 1, self.floor_us + 1)
        return replace(younger, count=self.count + more)

    def rule_json(self) -> dict[str, object]:
        """Return ``cron``: the text alone in the Unix dialect."""
        said = self.expression
        if said.dialect is Dialect.UNIX:
            return {"cron": said.text}
        return {"cron": {"expression": said.text, "dialect": said.dialect.value}}

    def words(self) -> str:
        """Return for instance ``Monday to Friday at 09:00``."""
        return tell(self.expression)

    def warnings(self) -> list[TriggerWarning]:
        """Return how a day of the month and a weekday are joined, where there are both."""
        said = self.expression
        rule = said.month_rule
        if said.either:
            message = (
                "The day of the month and the weekday are both given: the job runs when either"
                " matches, as cron does."
            )
            return [TriggerWarning("day_or_weekday", message)]
        if (rule.days or rule.last_workday) and (rule.weekdays or rule.nth):
            message = (
                "The day of the month and the weekday are both given: the job runs only on days"
                " that match both."
            )
            return [TriggerWarning("day_and_weekday", message)]
        return []


def _read_cron(fields: Fields) -> Expression | None:
    """Return the expression in ``cron``, None after refusing it."""
    value = fields.data["cron"]
    if not isinstance(value, Mapping):
        return _read_text(fields, "cron", value, Dialect.UNIX)
    for name in sorted(value.keys() - set(_KEYS), key=str):
        near = difflib.get_close_matches(str(name)[:40], _KEYS, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" There are {' and '.join(_KEYS)}."
        fields.refuse(f"cron.{name}", "unknown", f"{name} is not a field of cron.{hint}")
    dialect = _read_dialect(fields, value.get("dialect"))
    if value.get("expression") is None:
        fields.refuse("cron.expression", "required", "cron needs its expression.")
    elif dialect is not None:
        return _read_text(fields, "cron.expression", value["expression"], dialect)
    return None


def _read_dialect(fields: Fields, value: object) -> Dialect | None:
    if value is None:
        return Dialect.UNIX
    if isinstance(value, str) and value in {*Dialect}:
        return Dialect(value)
    fields.refuse("cron.dialect", "choice", f"cron.dialect must be one of {', '.join(Dialect)}.")
    return None


def _read_text(fields: Fields, name: str, value: object, dialect: Dialect) -> Expression | None:
    if not isinstance(value, str):
        fields.refuse(name, "type", f'{name} must be a text such as "0 9 * * mon-fri".')
        return None
    try:
        return read_expression(value, dialect)
    except BadExpression as error:
        for refusal in error.refusals:
            fields.refuse(name, refusal.rule, _sentence(name, refusal.message))
        return None


def _sentence(name: str, message: str) -> str:
    """Return *message* about the field *name* as one sentence with one subject."""
    subject, _, rest = message.partition(" ")
    if subject == "It":
        return f"{name} {rest}"
    return f"{name}: {subject.lower()} {rest}" if subject in {"Field", "Character"} else message
