"""What the first page shows of one look, as JSON has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memlane.cli.flow import flow
from memlane.cli.ls import state
from memlane.cli.who import holdings
from memlane.inspect import Damaged

if TYPE_CHECKING:
    from memlane.inspect import Object, Observation, Participant, Rates


def overview(observation: Observation) -> dict[str, Any]:
    """Return the rows of all tables."""
    return {
        "at": observation.at,
        "objects": [row(item, observation.rates.get(item.name)) for item in observation.objects],
        "processes": _processes(observation),
        "troubles": [vars(trouble) for trouble in observation.troubles],
    }


def row(item: Object | Damaged, rates: Rates | None) -> dict[str, Any]:
    """Return what a line of the table says of an object."""
    if isinstance(item, Damaged):
        return {"name": item.name, "kind": item.kind, "error": item.error, "state": item.reason}
    return {
        "name": item.name,
        "kind": item.kind,
        "uuid": item.uuid,
        "bytes": item.allocated,
        "live": len(item.alive),
        "dead": len(item.dead),
        "version": item.version,
        "written": item.written,
        "filled": None if item.filled is None else item.filled / item.limits["chanSz"],
        "state": state(item),
        **flow(rates)._asdict(),
    }


def _processes(observation: Observation) -> list[dict[str, Any]]:
    """Return each process once, with all that it has open."""
    found: dict[tuple[int, int, bool], dict[str, Any]] = {}
    for item in observation.objects:
        for participant in () if isinstance(item, Damaged) else item.participants:
            key = (participant.pid, participant.pid_namespace, participant.alive)
            process = found.setdefault(key, _process(participant))
            process["has"].append({"name": item.name, "kind": item.kind, "holds": holdings(participant)})
    return list(found.values())


def _process(participant: Participant) -> dict[str, Any]:
    return {
        "pid": participant.pid,
        "namespace": participant.pid_namespace,
        "program": participant.program,
        "alive": participant.alive,
        "since": participant.since,
        "has": [],
    }
