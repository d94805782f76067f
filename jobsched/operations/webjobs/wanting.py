"""What a folder asks for: mode, schedule, policy and parameters of the job that it is."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobsched.calendars import Calendars
from jobsched.errors import FieldError, InvalidInput
from jobsched.model import Misfire, Mode, Policy, WebJob, WebJobType
from jobsched.operations import drafts
from jobsched.operations.policies import merged
from jobsched.operations.webjobs import resting
from jobsched.settings import Settings
from jobsched.storage.texts import policy_to_text
from jobsched.storage.webjobs import Facts
from jobsched.triggers import Trigger
from jobsched.webjobs import schedule, settings_rules
from jobsched.webjobs.appsettings import AppSettings
from jobsched.webjobs.discovery import Found
from jobsched.webjobs.settings_rules import Understood

# A user that is unknown stays: without it, the job would have more rights than it asked for.
_DROPPED = frozenset({"not_allowed", "mode"})
# Seconds between the friendly and the forced end (Kudu's stopping_wait_time).
_WAIT: Mapping[WebJobType, float] = {WebJobType.CONTINUOUS: 5.0, WebJobType.TRIGGERED: 30.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What is in force, as far as it concerns web jobs."""

    settings: Settings
    app: AppSettings
    calendars: Calendars

    @property
    def timezone(self) -> str:
        """The zone of schedules that name none."""
        return self.app.time_zone or self.settings.timezone

    @property
    def hold(self) -> str | None:
        """Why no schedule counts at present; None when they do."""
        if self.app.stopped:
            return resting.STOPPED
        return resting.SCHEDULE_DISABLED if self.app.schedule_disabled else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the folder *found* asks for.

    *keys* are those of a trigger, *inputs* tells whether it or *policy* have changed since the
    row was written. *mistakes* are those of the settings.
    """

    found: Found
    keys: Mapping[str, Any]
    policy: Policy
    inputs: Mapping[str, Any]
    mistakes: tuple[FieldError, ...]

    @property
    def params(self) -> dict[str, object]:
        """The parameters of the job; a continuous one starts anew when they change."""
        if self.found.type is WebJobType.TRIGGERED:
            return {}
        made_of = [self.found.fingerprint, self.found.script, dict(self.found.settings.values)]
        text = json.dumps(made_of, sort_keys=True)
        return {"files": hashlib.sha256(text.encode()).hexdigest()[:16]}

    def trigger(self, now_us: int, present: Present) -> Trigger | None:
        """Return the trigger from *now_us* on. Raises: InvalidInput."""
        return schedule.read(self.keys, now_us, present.timezone, present.calendars)

    def is_as(self, row: WebJob) -> bool:
        """Return whether trigger and policy were made of the same in *row*."""
        same: bool = json.loads(row.inputs).get("of") == json.loads(json.dumps(self.inputs))
        return same

    def facts(self, refused: str | None, deployed_us: int) -> Facts:
        """Return what is to be stored; *refused* is why its schedule does not count."""
        found = self.found
        wrong = (found.error, *(mistake.message for mistake in self.mistakes), refused)
        return Facts(
            type=found.type,
            name=found.name,
            folder=str(found.folder),
            script=found.script,
            settings=found.settings.values,
            error=" ".join(text for text in wrong if text) or None,
            in_place=found.in_place,
            disabled=found.disabled,
            fingerprint=found.fingerprint,
            inputs=json.dumps({"of": self.inputs, "refused": refused}, sort_keys=True),
            deployed_us=deployed_us,
        )


def wanted(found: Found, present: Present) -> Wanted:
    """Return what the folder *found* asks for at *present*."""
    said = settings_rules.understand(found.settings.values, lenient=True)
    keys = _keys(found, said)
    wrong = _mistakes(found.type, said, present)
    policy = _policy(found, said, present, {each.field for each in wrong if each.rule in _DROPPED})
    known = _known_calendars(keys.get("calendars"), present.calendars)
    inputs = {
        "keys": keys,
        "zone": present.timezone,
        "calendars": known,
        "policy": policy_to_text(policy),
    }
    return Wanted(found=found, keys=keys, policy=policy, inputs=inputs, mistakes=tuple(wrong))


def refused_of(row: WebJob) -> str | None:
    """Return why the schedule of *row* does not count, None if it does."""
    refused: str | None = json.loads(row.inputs).get("refused")
    return refused


def check(kind: WebJobType, values: Mapping[str, Any], now_us: int, present: Present) -> None:
    """Refuse settings that somebody sends. Raises: InvalidInput with every mistake."""
    said = settings_rules.understand(values)
    wrong = _mistakes(kind, said, present)
    if kind is WebJobType.TRIGGERED and not any(each.rule == "one_of" for each in wrong):
        try:
            schedule.read(said.schedule, now_us, present.timezone, present.calendars)
        except InvalidInput as refusal:
            wrong += refusal.errors
    if wrong:
        raise InvalidInput(list({each.field: each for each in reversed(wrong)}.values())[::-1])


def _keys(found: Found, said: Understood) -> dict[str, Any]:
    """Return the keys of the trigger: those of settings.job, else of the publish settings."""
    if found.type is WebJobType.CONTINUOUS:
        return {}
    if "cron" in said.schedule or "recurrence" in said.schedule:
        return said.schedule
    return {**said.schedule, **schedule.published(found.publish.values)}


def _known_calendars(names: object, calendars: Calendars) -> list[str]:
    """Return those of the *names* given that there are: with others the trigger is another."""
    listed = names if isinstance(names, list) else []
    return [name for name in listed if isinstance(name, str) and name in calendars]


def _mistakes(kind: WebJobType, said: Understood, present: Present) -> list[FieldError]:
    """Return every broken rule of settings but those of the schedule."""
    mode = Mode.CONTINUOUS if kind is WebJobType.CONTINUOUS else Mode.TRIGGERED
    return [
        *said.mistakes,
        *drafts.run_as_mistakes(said.policy.get("run_as"), present.settings),
        *drafts.service_mistakes(mode, said.policy),
    ]


def _policy(found: Found, said: Understood, present: Present, dropped: Collection[str]) -> Policy:
    """Return the policy; what is *dropped* of the settings does not count."""
    triggered = found.type is WebJobType.TRIGGERED
    default = Policy(
        misfire=Misfire(grace=schedule.LATEST),
        grace=_WAIT[found.type],
        idle_timeout=present.app.idle_timeout if triggered else None,
        history=present.app.history_size if triggered else None,
    )
    given = {name: value for name, value in said.policy.items() if name not in dropped}
    policy = merged(default, default, given)
    if triggered:
        return policy
    singleton = found.singleton if said.singleton is None else said.singleton
    return replace(policy, singleton=singleton)
