"""Bad packages in a running service: they harm nothing, and the last good model goes on serving.

Which package is refused for what is tested in ``test_package_rules``.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pytest

from segmentation.artifact import Trust, read_package, write_package
from segmentation.errors import PackageError
from segmentation.service.loading import prover
from segmentation.service.loading.prover import NoProofError, Proof, Proofs, fork_prover
from segmentation.training.sign_package import sign_package
from tests.support.keys import key_pair
from tests.support.malicious import (
    NO_FILES,
    make_evil_pipeline,
    make_malicious,
    mutate_packages,
    with_parts,
)
from tests.support.records import COMPLETE
from tests.support.servers import Server, flask_process, serving
from tests.support.shipped import MODEL, PACKAGES
from tests.support.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.long

GOOD = read_package(MODEL)
BAD = make_malicious(GOOD)
SAMPLE = dict(islice(BAD.items(), 0, None, 9))
FEW_OR_ALL = [
    pytest.param(SAMPLE, id="some"),
    pytest.param(BAD, id="all", marks=pytest.mark.soak),
]
N_MUTANTS = 1_000
MIB = 2**20
# Enough for a proof beside other tests, and not too long to be waited for.
DEADLINE = 8
FORKS = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in another one's place, at once."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(path)


def with_version(version: str) -> bytes:
    """Return the shipped package under another name."""
    return with_parts(GOOD, lambda manifest: manifest.update(version=version))


def card(server: Server, study: str = "mobile") -> dict[str, Any]:
    """Return what the service says about a study."""
    answer: Any = server.get("/studies").json()
    (study_card,) = [item for item in answer["studies"] if item["name"] == study]
    return dict(study_card)


def version(server: Server) -> str:
    """Return which version answers a plain prediction, and an explanation."""
    answers: list[Any] = [server.post(COMPLETE, path).json() for path in ("/predict", "/explain")]
    versions = {answer["model"]["version"] for answer in answers}
    return "/".join(versions)


def metric(server: Server, name: str) -> set[str]:
    """Return the lines of a metric."""
    lines = server.get("/metrics").body.decode().splitlines()
    return {line for line in lines if line.startswith(name)}


@contextmanager
def serving_copy(folder: Path, content: bytes | None = None, **settings: str) -> Iterator[Server]:
    """Serve a copy of the models, or something else in place of the default one's."""
    models = folder / "models"
    models.mkdir()
    for study in ("household", "credit_card", "retail"):
        shutil.copy(PACKAGES[study], models)
    path = folder / "model.bin"
    if content is None:
        shutil.copy(MODEL, path)
    else:
        path.write_bytes(content)
    places = {"MODEL_PATH": str(path), "MODELS_DIR": str(models), "WEB_CONCURRENCY": "1"}
    with serving(folder, **(places | settings)) as server:
        yield server


def reload(server: Server) -> None:
    """Have the workers replaced, and wait for the new ones."""
    log = server.log.read_text
    n_ends = log().count("Worker exiting")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: log().count("Worker exiting") > n_ends)
    wait_until(lambda: server.get("/livez").status == 200)


def workers_memory(server: Server) -> int:
    """Return the bytes that the processes of the service have for themselves."""
    processes = psutil.Process(server.process.pid).children(recursive=True)
    return sum(process.memory_full_info().uss for process in processes)


@contextmanager
def asking(server: Server) -> Iterator[list[int]]:
    """Ask all the time, and collect the statuses."""
    statuses: list[int] = []
    ends = threading.Event()

    def ask() -> None:
        while not ends.is_set():
            statuses.append(server.post(COMPLETE).status)
            ends.wait(0.005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        ends.set()
        thread.join(PATIENCE)


# At start, as a study that is loaded later, while serving, at SIGHUP


@pytest.mark.parametrize("bad", FEW_OR_ALL)
def test_a_bad_package_at_start_is_no_end(tmp_path: Path, bad: dict[str, bytes]) -> None:
    """The service lives, says why it has no model, and serves a good one as soon as it is there."""
    for number, content in enumerate(bad.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        with serving_copy(folder, content) as server:
            assert server.get("/livez").status == 200
            assert server.get("/readyz").status == 503
            refused = card(server)
            assert refused["ready"] is False
            assert refused["reason"]
            assert card(server, "household")["ready"] is True
            if number == 0:
                shutil.copy(MODEL, folder / "model.bin")
                wait_until(lambda: server.get("/readyz").status == 200)
                assert version(server) == GOOD.manifest.version


def test_bad_packages_as_later_studies_take_only_themselves_down(tmp_path: Path) -> None:
    """All at once, and what is no file at all; the others answer meanwhile."""
    models = tmp_path / "bad"
    models.mkdir()
    for number, content in enumerate(BAD.values()):
        (models / f"bad_{number}.bin").write_bytes(content)
    for make in NO_FILES:
        make(models / f"{make.__name__}.bin")
    with serving_copy(tmp_path, MODELS_DIR=str(models)) as server:
        memory = workers_memory(server)
        with asking(server) as statuses:
            answer: Any = server.get("/studies").json()
        cards = {item["name"]: item for item in answer["studies"]}
        assert len(cards) == 1 + len(BAD) + len(NO_FILES)
        assert [name for name, item in cards.items() if item["ready"]] == ["mobile"]
        reasons = [item["reason"] for name, item in cards.items() if name != "mobile"]
        assert all(reasons)
        assert set(statuses) == {200}
        assert workers_memory(server) - memory < 20 * MIB


@pytest.mark.soak
def test_a_thousand_changed_packages_as_later_studies_take_nothing_else_down(
    tmp_path: Path,
) -> None:
    """They are asked for by several clients while others ask the default study."""
    models = tmp_path / "bad"
    models.mkdir()
    good = read_package(PACKAGES["household"])
    contents = list(mutate_packages(good, N_MUTANTS))
    for number, content in enumerate(contents):
        (models / f"changed_{number}.bin").write_bytes(content)
    paths = [f"/studies/changed_{number}/schema" for number in range(len(contents))]
    with serving_copy(tmp_path, MODELS_DIR=str(models)) as server:
        memory = workers_memory(server)
        with asking(server) as statuses, ThreadPoolExecutor(4) as pool:
            assert {answer.status for answer in pool.map(server.get, paths)} == {503}
        assert set(statuses) == {200}
        assert workers_memory(server) - memory < 20 * MIB


@pytest.mark.parametrize("bad", FEW_OR_ALL)
def test_the_last_good_model_serves_on_while_its_file_is_bad(
    tmp_path: Path, bad: dict[str, bytes]
) -> None:
    """Also in workers that start anew; all requests are answered."""
    path = tmp_path / "model.bin"
    good = GOOD.manifest.version
    with serving_copy(tmp_path) as server:
        assert version(server) == good
        with asking(server) as statuses:
            for content in bad.values():
                n_refused = server.log.read_text().count("model of mobile refused")
                replace_file(path, content)
                wait_until(lambda: server.log.read_text().count("refused") > n_refused)  # noqa: B023
                assert version(server) == good
                reload(server)
                refused = card(server)
                assert (refused["ready"], refused["version"]) == (True, good)
                assert refused["reason"]
        assert set(statuses) == {200}
        assert 'segmentation_model_refused{study="mobile"} 1.0' in metric(server, "segmentation_")
        for make in NO_FILES:
            path.unlink(missing_ok=True) if not path.is_dir() else path.rmdir()
            make(path)
            reload(server)
            assert version(server) == good
        path.unlink()
        (worker,) = psutil.Process(server.process.pid).children()
        worker.kill()
        wait_until(lambda: [] != psutil.Process(server.process.pid).children() != [worker])
        wait_until(lambda: card(server)["version"] == good)
        assert "No such file" in card(server)["reason"]


def test_a_whole_file_is_served_without_a_restart(tmp_path: Path) -> None:
    """By all processes; metrics say which version serves, and that no file is refused any more."""
    path = tmp_path / "model.bin"
    newer = with_version("newer")
    with serving_copy(tmp_path) as server:
        first = version(server)
        with asking(server) as statuses:
            path.write_bytes(newer[: len(newer) // 2])
            wait_until(lambda: "reason" in card(server))
            assert version(server) == first
            path.write_bytes(newer)
            wait_until(lambda: version(server) == "newer")
        assert set(statuses) == {200}
        assert "reason" not in card(server)
        wait_until(
            lambda: (
                metric(server, "segmentation_model_info{")
                >= {
                    f'segmentation_model_info{{study="mobile",version="{first}"}} 0.0',
                    'segmentation_model_info{study="mobile",version="newer"} 1.0',
                }
            )
        )
        assert 'segmentation_model_refused{study="mobile"} 0.0' in metric(server, "segmentation_")
        reload(server)
        assert version(server) == "newer"


def test_the_last_good_model_may_outlast_the_service(tmp_path: Path) -> None:
    """In a folder of its own, where the next one finds it."""
    settings = {"LAST_GOOD_DIR": str(tmp_path / "kept")}
    for number, content in enumerate((None, b"bad")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with serving_copy(folder, content, **settings) as server:
            assert version(server) == GOOD.manifest.version
    # Whoever writes there is not believed.
    (tmp_path / "kept" / "mobile.bin").write_bytes(b"bad as well")
    folder = tmp_path / "last"
    folder.mkdir()
    with serving_copy(folder, b"bad", **settings) as server:
        assert server.get("/readyz").status == 503


# What was signed


def signed(path: Path, content: bytes, key: Path) -> bytes:
    """Return a package with a signature, later than that of the file at a path."""
    path.write_bytes(content)
    sign_package(path, path, key)
    return path.read_bytes()


def test_an_older_package_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    """Though both are signed; to go back, it is signed again."""
    key, public = key_pair(tmp_path, "ours")
    draft, path = tmp_path / "draft.bin", tmp_path / "model.bin"
    older = signed(draft, with_version("older"), key)
    draft.write_bytes(older)
    newer_draft = tmp_path / "newer.bin"
    newer_draft.write_bytes(with_version("newer"))
    sign_package(newer_draft, draft, key)
    newer = draft.read_bytes()
    household = tmp_path / "household.bin"
    household.write_bytes(newer)  # so that it is signed later
    write_package(household, read_package(PACKAGES["household"]), key)
    with serving_copy(tmp_path, newer, MODEL_PUBLIC_KEY=public) as server:
        assert version(server) == "newer"
        for foreign, reason in (
            (older, "is older than the package before"),
            (with_version("unsigned"), "is not signed"),
            (household.read_bytes(), "holds the study household, not mobile"),
        ):
            replace_file(path, foreign)
            wait_until(lambda: reason in card(server).get("reason", ""))  # noqa: B023
            assert version(server) == "newer"
            reload(server)
            assert version(server) == "newer"
            assert reason in card(server)["reason"]
        draft.write_bytes(older)
        replace_file(path, newer)
        sign_package(draft, path, key)
        wait_until(lambda: version(server) == "older")


def test_packages_signed_before_a_time_are_refused_at_start(tmp_path: Path) -> None:
    """By a setting: a service that starts knows nothing of what was served before."""
    key, public = key_pair(tmp_path, "ours")
    content = signed(tmp_path / "draft.bin", with_version("older"), key)
    later = str(int(time.time()) + 3_600)
    settings = {"MODEL_PUBLIC_KEY": public, "MODEL_LEAST_SEQUENCE": later}
    with serving_copy(tmp_path, content, **settings) as server:
        assert server.get("/readyz").status == 503
        assert "is older than the package before" in card(server)["reason"]


def test_a_pipeline_that_nobody_vouches_for_is_not_unpickled(tmp_path: Path) -> None:
    """It serves predictions, which come from the ONNX model; of a signed one it is."""
    marker = tmp_path / "was-run"
    evil = with_parts(GOOD, pipeline=make_evil_pipeline(marker))
    digests = tmp_path / "digests"
    digests.write_text("")
    settings = {"UNPICKLE_UNSIGNED": "false", "BUILT_IN_PACKAGES": str(digests)}
    with serving_copy(tmp_path, evil, **settings) as server:
        assert server.post(COMPLETE).status == 200
        answer = server.post(COMPLETE, "/explain")
        assert answer.status == 501
        assert b"signed" in answer.body
        assert server.post(COMPLETE, "/studies/household/explain").status in (422, 501)
    assert not marker.exists()


# What proves them


@FORKS
def test_a_proof_says_what_was_proved() -> None:
    """And a refusal says what for, as in the process that asks."""
    with closing(fork_prover()) as prove:
        proof = prove(MODEL, Trust())
        with pytest.raises(PackageError, match="is not a model package"):
            prove(Path(__file__), Trust())
    assert (proof.study, proof.version) == ("mobile", GOOD.manifest.version)
    assert GOOD.seal
    assert proof.sha256 == GOOD.seal.sha256


def test_what_proves_packages_holds_no_connection(tmp_path: Path) -> None:
    """A listener that it held would go on listening when its worker has stopped."""
    with serving_copy(tmp_path) as server:
        (worker,) = psutil.Process(server.process.pid).children()
        flask = flask_process(worker)
        (proving,) = [child for child in worker.children() if child != flask]
        assert worker.net_connections("tcp")
        assert proving.net_connections("tcp") == []


def hang() -> None:
    """Never return, nor let Python look at signals."""
    ctypes.CDLL(None).pause()


def take_memory() -> None:
    """Take 8 GB, all of which is used."""
    ctypes.memset(ctypes.create_string_buffer(2**33), 1, 2**33)


def crash() -> None:
    """Read where nothing is."""
    ctypes.string_at(0)


@FORKS
@pytest.mark.parametrize("harm", [hang, take_memory, crash, os.abort, lambda: os._exit(0)])
def test_whatever_a_package_does_ends_only_its_proof(
    harm: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the deadline; the next package is proved as if nothing had been."""
    proves = prover.prove_wholly

    def prove_or_harm(path: Path, trust: Trust) -> Proof:
        if path.name == "harm":
            harm()
        return proves(path, trust)

    monkeypatch.setattr(prover, "prove_wholly", prove_or_harm)
    monkeypatch.setattr(prover, "DEADLINE", DEADLINE)
    with closing(fork_prover()) as prove:
        begun = time.monotonic()
        with pytest.raises(NoProofError):
            prove(MODEL.with_name("harm"), Trust())
        assert time.monotonic() - begun < DEADLINE + 1
        assert prove(MODEL, Trust()).study == "mobile"


def test_a_file_is_proved_once(tmp_path: Path) -> None:
    """For all processes that share a folder; another file with its digest gains nothing by it."""
    proofs: list[Path] = []

    def prove(path: Path, trust: Trust) -> Proof:
        proofs.append(path)
        return prover.prove_here(path, trust)

    path = tmp_path / "model.bin"
    shutil.copy(MODEL, path)
    for _ in range(2):
        assert Proofs(prove, tmp_path / "proved").prove(path, Trust()).study == "mobile"
    assert proofs == [path]
    Proofs(prove, None).prove(path, Trust())
    assert len(proofs) == 2
    forged = b"x" + path.read_bytes()[1:]
    path.write_bytes(forged)
    assert Proofs(prove, tmp_path / "proved").prove(path, Trust()).study == "mobile"
    with pytest.raises(PackageError, match="is damaged"):
        read_package(path)
    assert json.loads(next((tmp_path / "proved").iterdir()).read_bytes())[1] == "mobile"
