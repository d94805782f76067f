"""Jobs that are slow to plan: each look takes only as many as there is time for."""

from itertools import count

from jobsched.scheduling.cycle import GATHERING, Cycle
from jobsched.scheduling.firer import Firer
from jobsched.scheduling.leader import Leader
from jobsched.storage.locks import scheduler_lock
from tests.support.firing import Scheduling


def test_what_there_is_no_time_for_has_its_turn_in_the_next_look(scheduling: Scheduling) -> None:
    store, moment = scheduling.store, scheduling.moment
    jobs = [scheduling.add() for _ in range(3)]
    minutes = count(0, 60)  # each look at the clock is a minute later
    cycle = Cycle(store, scheduling.told.append, moment, seconds=lambda: next(minutes))
    firer = Firer(Leader(store, scheduler_lock(store.database), moment), cycle)
    moment.go(10)

    waits, ran = [], []
    for _ in jobs:
        waits.append(firer.fire())
        ran.append(sum(len(scheduling.runs(job)) for job in jobs))

    assert ran == [1, 2, 3]
    assert waits[:2] == [GATHERING, GATHERING]
    assert waits[2] > GATHERING
