"""Loading a register file into the sensor on a board, and reading back what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sensorai.board.frames import MAX_BODY
from sensorai.board.makeplan import WHO_AM_I, sharing
from sensorai.board.messages import Status
from sensorai.board.operations import Delay, Outcome, Poll, Read, Write
from sensorai.board.session import TRIES, NoAnswer, Session
from sensorai.board.steps import Plan, Step
from sensorai.errors import UserError, VerifyMismatch

#: Bytes of operations in one frame at most: the body without the id.
_ROOM = MAX_BODY - 1
#: Bytes that a reply to operations can hold.
_READ_ROOM = MAX_BODY - 3
#: Milliseconds of delays and polls in one frame at most, so that progress is seen.
_LONG_MS = 2000


class Interrupted(UserError):
    """The user stopped a load in the middle."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was done.

    Attributes
    ----------
    board, sensor : str
        As the board calls itself and its sensor.
    names : tuple of str
        Devices that the register file is for.
    operations : int
        Executed on the board, those that read back among them.
    compared : int
        Bytes read back; all were equal.
    unread : tuple of str
        What was not read back, and why.
    repeated, damaged : int
        Requests sent again, damaged frames received.
    notes : tuple of str
    """

    board: str
    sensor: str
    names: tuple[str, ...]
    operations: int
    compared: int
    unread: tuple[str, ...]
    repeated: int
    damaged: int
    notes: tuple[str, ...] = ()


def load(
    session: Session, plan: Plan, source: str, progress: Callable[[int, int], None] | None = None
) -> Loaded:
    """Load a plan.

    Parameters
    ----------
    session : Session
    plan : Plan
        As `makeplan.make_plan` makes it.
    source : str
        Name of the register file, for messages.
    progress : callable, optional
        Told the operations done and those there are.

    Raises
    ------
    VerifyMismatch
        A byte does not read back as the file has it; names register, both values and the line.
    Interrupted
        The user pressed Ctrl-C in the middle.
    UserError
        Another sensor; a bus that does not answer; a board or a port that went away.
    """
    description = session.describe()
    session.stop(TRIES)
    notes = []
    if description.sensor and description.sensor not in plan.names and _known(description.sensor):
        notes.append(
            f"the board calls its sensor {description.sensor}, the file is for {' and '.join(plan.names)}"
        )
    _identify(session, plan, source)
    done = 0
    total = len(plan.steps)
    for batch in batches(plan.steps):
        coded = b"".join(step.operation.coded() for step in batch)
        try:
            outcome = session.operate(coded, sum(map(_duration_ms, batch)) / 1000.0)
        except UserError as error:
            raise _stopped(error, done, total) from None
        except KeyboardInterrupt:
            message = f"interrupted after {done} of {total} operations"
            raise Interrupted(message, hint="the sensor is half loaded: load again") from None
        if outcome.status != Status.OK:
            raise _failed(outcome, batch, source, done, total)
        done += len(batch)
        if progress:
            progress(done, total)
    return Loaded(
        board=description.board,
        sensor=description.sensor,
        names=plan.names,
        operations=total,
        compared=plan.compared,
        unread=plan.unread,
        repeated=session.repeated,
        damaged=session.counts.damaged,
        notes=tuple(notes),
    )


def batches(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Steps in groups that fit one frame each, and whose reply fits one."""
    begin = size = read = wait = 0
    for at, step in enumerate(steps):
        more = len(step.operation.coded())
        reads = step.operation.count if isinstance(step.operation, Read) else 0
        lasts = _duration_ms(step)
        full = size + more > _ROOM or read + reads > _READ_ROOM or wait + lasts > _LONG_MS
        if full and at > begin:
            yield steps[begin:at]
            begin, size, read, wait = at, 0, 0, 0
        size, read, wait = size + more, read + reads, wait + lasts
    if begin < len(steps):
        yield steps[begin:]


def _duration_ms(step: Step) -> int:
    operation = step.operation
    return operation.ms if isinstance(operation, Delay) else _timeout(step)


def _timeout(step: Step) -> int:
    return step.operation.timeout_ms if isinstance(step.operation, Poll) else 0


def _known(name: str) -> bool:
    """Whether a name is one of a device: boards may say what they like."""
    from sensorai.ispu.devices import devices as ispu_devices
    from sensorai.mlc.devices import devices as mlc_devices

    return name in {*(one.name for one in mlc_devices()), *(one.name for one in ispu_devices())}


def _identify(session: Session, plan: Plan, source: str) -> None:
    """Ask the sensor what it is; if it is another one, once more from the user bank."""
    for operations in (b"", Write(plan.bank, 0).coded()):
        outcome = session.operate(operations + Read(WHO_AM_I, 1).coded(), 0.0)
        if outcome.status == Status.OK and outcome.read == bytes([plan.who_am_i]):
            return
    names = " and ".join(plan.names)
    if outcome.status != Status.OK:
        raise UserError(
            f"the sensor does not answer on the board's bus ({_status(outcome)})",
            where=session.line.name,
            hint="check the wiring, the address, and the bus functions of the firmware",
        )
    found = outcome.read.hex().upper()
    others = ", ".join(sharing(outcome.read[0])) or "no sensor that is known here"
    raise UserError(
        f"{source} is for {names} (WHO_AM_I {plan.who_am_i:02X}h), but the sensor says {found}h",
        where=f"{session.line.name}, register {WHO_AM_I:02X}h",
        hint=f"{found}h is {others}"
        if found not in ("00", "FF")
        else "check the wiring and the bus functions",
    )


def _status(outcome: Outcome) -> str:
    known = {int(status): status.name.lower().replace("_", " ") for status in Status}
    return f"status {known.get(outcome.status, outcome.status)}"


def _stopped(error: UserError, done: int, total: int) -> UserError:
    """The line or the board went away in the middle."""
    hint = "; ".join(filter(None, (error.hint, "the sensor is half loaded: load again")))
    message = f"{error.message}, after {done} of {total} operations"
    kind = NoAnswer if isinstance(error, NoAnswer) else UserError
    return kind(message, where=error.where, hint=hint)


def _failed(
    outcome: Outcome, batch: Sequence[Step], source: str, done: int, total: int
) -> UserError | VerifyMismatch:
    """An operation failed on the board: say which, where in the file, and what it means."""
    step = batch[min(outcome.executed, len(batch) - 1)]
    spot = step.spot(outcome.offset)
    where = f"{source}:{spot.line}" if spot.line else source
    after = f"after {done + outcome.executed} of {total} operations"
    if outcome.status == Status.MISMATCH or (outcome.status == Status.TIMEOUT and not _timeout(step)):
        return VerifyMismatch(
            f"{spot.what} reads {outcome.actual:02X}h, the file has {outcome.expected:02X}h; stopped {after}",
            where=where,
            hint="the sensor did not take it: is it the right part, is the bus reliable? Then load again",
        )
    if outcome.status == Status.TIMEOUT:
        return UserError(
            f"{spot.what} stays {outcome.actual:02X}h instead of {outcome.expected:02X}h "
            f"for {_timeout(step)} ms; stopped {after}",
            where=where,
            hint="the sensor is not ready: power it off and on, then load again",
        )
    if outcome.status == Status.BUS:
        return UserError(
            f"the sensor does not answer on the board's bus at {spot.what}; stopped {after}",
            where=where,
            hint="check the wiring and the bus functions of the firmware, then load again",
        )
    return UserError(
        f"the board does not understand an operation on {spot.what} ({_status(outcome)}); stopped {after}",
        where=where,
        hint="build its firmware from the same version of sensorai",
    )
