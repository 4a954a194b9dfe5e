"""Where an experiment wants its work done; clusters are reached through their own clients."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from importlib.util import find_spec
from typing import Any

from sensorai.errors import ConfigError, ToolMissing
from sensorai.experiment import Experiment
from sensorai.work import SERIAL, Cluster, Processes, Work

#: Seconds until a scheduler must have answered.
PATIENCE = 10


def of(experiment: Experiment) -> Work:
    """Where an experiment wants its work done.

    Raises
    ------
    ConfigError, ToolMissing
        A cluster that does not answer, or whose client is not installed.
    """
    if experiment.on is not None:
        return cluster(experiment.on)
    return SERIAL if experiment.jobs == 1 else Processes(experiment.jobs)


def cluster(address: str) -> Cluster:
    """Reach the cluster at an address that was checked.

    Raises
    ------
    ConfigError
        Nobody answers there, or with another version.
    ToolMissing
        The client is not installed.
    """
    kind, _, host = address.partition("://")
    package = "distributed" if kind == "dask" else "ray"
    if find_spec(package) is None:
        raise ToolMissing(
            f"--on {kind}:// needs the package {package}", hint=f"pip install 'sensorai[{kind}]'"
        )
    return _dask(host, address) if kind == "dask" else _ray(host, address)


def _dask(host: str, address: str) -> Cluster:
    from distributed import Client

    try:
        client = Client(f"tcp://{host}", timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise _silent(address, error) from None
    found = client.scheduler_info()["workers"]
    if not found:
        client.close()
        raise ConfigError(f"the Dask scheduler at {address} has no worker", hint="start one: dask worker ...")

    return Cluster(*executor_of(client), address, len(found))


def executor_of(client: Any) -> tuple[Executor, Callable[[bytes], Any], Callable[[], None]]:
    """Executor of a client of Dask, what places a value on all its workers, and what ends it."""

    def place(value: bytes) -> Any:
        return client.scatter(value, broadcast=True, hash=False)

    return client.get_executor(retries=0), place, client.close


def _ray(host: str, address: str) -> Cluster:
    import ray

    try:
        ray.init(address if host else None, log_to_driver=False, logging_level="error")
    except (OSError, RuntimeError, ValueError) as error:
        raise _silent(address, error) from None
    return Cluster(_Ray(ray), ray.put, ray.shutdown, address, int(ray.cluster_resources().get("CPU", 1)))


class _Ray(Executor):
    """Ray's tasks as an executor."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a task; references among the arguments are resolved where it runs."""
        made: Future[Any] = self._ray.remote(fn).remote(*args, **kwargs).future()
        return made


def _silent(address: str, error: Exception) -> ConfigError:
    said = str(error).split("\n")[0][:160]
    return ConfigError(f"nobody answers at {address}: {said}", where="on", hint="is its scheduler running?")
