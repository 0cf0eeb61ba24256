"""Every source file has its test file of the same name, and every test file its source."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
ROOMS = {ROOT / "src" / "airpost": TESTS, ROOT / "hw-sim" / "hwsim": TESTS / "hwsim"}

# Sources without a test file of their own, each with where it is tested.
ELSEWHERE = {
    **{
        f"src/airpost/services/http/shapes/{name}.py": "shapes only: tests/system/test_examples.py"
        for name in ("base", "batches", "events", "messages", "modems", "keeping", "people")
    },
    "src/airpost/shapes.py": "types only: tests/test_client.py holds them to those of the service",
    "src/airpost/store/api.py": "protocol only: tests/store/test_contract.py runs it",
    "src/airpost/store/keeping.py": "protocol only: tests/store/test_keeper.py runs it",
    "src/airpost/store/auditing.py": "protocol only: tests/store/test_audit.py runs it",
    "src/airpost/services/http/handler.py": "types only: tests/services/http/test_auth.py",
    "src/airpost/services/http/key_schemas.py": "tests/services/http/test_keys.py",
    "src/airpost/received.py": "values only: tests/store/test_inbound.py, test_reports.py",
    "src/airpost/apikey.py": "values only: tests/store/test_keys.py",
    "src/airpost/modem/api.py": "protocol only: tests/modem/test_unit.py runs it",
    "src/airpost/services/http/compose.py": "tests/services/http/test_messages.py",
    "src/airpost/daemon/cli/rowfile.py": "tests/daemon/cli/test_batches.py",
    "src/airpost/services/http/taking.py": "tests/services/http/test_batches.py",
    "src/airpost/services/http/underway.py": "tests/services/http/test_batches.py",
    "src/airpost/store/batching.py": "protocol only: tests/store/test_batches.py runs it",
    "src/airpost/services/http/texts.py": "tests/services/http/test_messages.py, test_preview.py",
    "src/airpost/daemon/config/file.py": "tests/daemon/config/test_load.py",
    "src/airpost/daemon/config/section.py": "tests/daemon/config/test_faults.py",
    "src/airpost/daemon/config/settings.py": "tests/daemon/config/test_load.py",
    "src/airpost/services/http/people_schemas.py": "tests/services/http/test_contacts.py",
    "src/airpost/store/people.py": "protocol only: tests/store/test_contacts.py runs it",
    "src/airpost/store/deciding.py": "protocol only: tests/store/test_decisions.py runs it",
    "src/airpost/store/publishing.py": "values and protocols: tests/store/test_outbox.py runs them",
    "src/airpost/store/routing.py": "protocol only: tests/store/test_choices.py runs it",
    "src/airpost/pool/facade.py": "protocol only: tests/pool/test_pool.py runs it",
    "src/airpost/pool/binder.py": "tests/pool/test_pool.py, test_limiter.py",
    "src/airpost/pool/dispatch.py": "tests/pool/test_pool.py",
    "src/airpost/pool/holding.py": "tests/pool/test_lanes.py",
    "src/airpost/pool/hooks.py": "values only: tests/pool/test_lanes.py",
    "src/airpost/pool/promises.py": "tests/pool/test_lanes.py",
    "src/airpost/pool/releaser.py": "tests/pool/test_pool.py",
    "src/airpost/store/values.py": "values only: tests/store/test_contract.py runs them",
    "src/airpost/pool/gate.py": "tests/pool/test_limiter.py",
    "src/airpost/pool/intake.py": "tests/pool/test_pool.py",
    "src/airpost/pool/janitor.py": "tests/pool/test_pool.py",
    "src/airpost/pool/pool.py": "tests/pool/test_pool.py",
}
# Tests of more than one file, and of the project itself.
WITHOUT_SOURCE = {
    "tests/test_layers.py",
    "tests/test_mirror.py",
    "tests/test_virtual.py",
    "tests/test_docs.py",
    "tests/test_monitoring.py",
    "tests/codec/test_corpus.py",
    "tests/codec/test_fuzz.py",
    "tests/codec/test_golden.py",
    "tests/at/test_corpus.py",
    "tests/at/test_fuzz.py",
    "tests/at/test_replay.py",
    "tests/modem/test_ladder.py",
    "tests/hwsim/test_forms.py",
    "tests/hwsim/test_repeats.py",
    "tests/pool/test_lanes.py",
    "tests/store/test_contract.py",
    "tests/store/test_interplay.py",
    "tests/store/test_kill.py",
}


def expected_test(source: Path, folder: Path, tests: Path) -> Path:
    inside = source.relative_to(folder)
    return tests / inside.parent / f"test_{inside.name}"


def pairs() -> dict[Path, Path]:
    return {
        source: expected_test(source, folder, tests)
        for folder, tests in ROOMS.items()
        for source in folder.rglob("*.py")
        if source.name != "__init__.py"
    }


def test_every_source_has_its_test() -> None:
    missing = [
        str(test.relative_to(ROOT))
        for source, test in pairs().items()
        if not test.exists() and str(source.relative_to(ROOT)) not in ELSEWHERE
    ]
    assert missing == []


def test_every_test_has_its_source() -> None:
    known = set(pairs().values())
    orphans = [
        name
        for test in TESTS.rglob("test_*.py")
        if test not in known
        and (name := str(test.relative_to(ROOT))) not in WITHOUT_SOURCE
        and not {TESTS / "system", TESTS / "faults"} & set(test.parents)
    ]
    assert orphans == []


def test_the_exceptions_are_still_true() -> None:
    assert [name for name in ELSEWHERE if not (ROOT / name).exists()] == []
