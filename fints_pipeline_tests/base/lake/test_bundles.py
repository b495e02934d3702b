from pathlib import Path

import pytest

from fints_pipeline.base.errors import KeyNotFoundError, LakeError
from fints_pipeline.base.lake import BundleKey, Lake, Lineage
from fints_pipeline_tests.base.lake.conftest import put

KEY = BundleKey.of("models", experiment="demo", fold="2024-01-02", model="mlm")
LINEAGE = Lineage("1", "c0ffee")


def fill(text: str):
    def writer(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "weights.bin").write_text(text)
        (folder / "config.json").write_text("{}")

    return writer


def versions(lake: Lake) -> list[str]:
    return lake.store.folders(KEY.folder)


def test_what_is_published_is_opened(lake: Lake) -> None:
    manifest = lake.write_bundle(KEY, fill("a"), LINEAGE)
    assert sorted(manifest.files) == ["config.json", "sub/weights.bin"]
    assert (lake.open_bundle(KEY) / "sub" / "weights.bin").read_text() == "a"
    assert lake.bundle_manifest(KEY) == manifest


def test_publishing_again_replaces_and_prunes(lake: Lake) -> None:
    first = lake.write_bundle(KEY, fill("a"), LINEAGE)
    second = lake.write_bundle(KEY, fill("b"), LINEAGE)
    assert first.digest != second.digest
    assert (lake.open_bundle(KEY) / "sub" / "weights.bin").read_text() == "b"
    assert len(versions(lake)) == 2
    lake.write_bundle(KEY, fill("c"), LINEAGE)
    assert len(versions(lake)) == 2
    assert lake.write_bundle(KEY, fill("b"), LINEAGE).digest == second.digest
    assert (lake.open_bundle(KEY) / "sub" / "weights.bin").read_text() == "b"


def test_a_failing_writer_leaves_what_was_published(lake: Lake) -> None:
    lake.write_bundle(KEY, fill("a"), LINEAGE)

    def fails(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        lake.write_bundle(KEY, fails, LINEAGE)
    assert (lake.open_bundle(KEY) / "sub" / "weights.bin").read_text() == "a"
    assert len(versions(lake)) == 1


def test_damage_is_found_before_loading_and_mended_by_publishing_again(lake: Lake) -> None:
    lake.write_bundle(KEY, fill("a"), LINEAGE)
    put(lake, lake.open_bundle(KEY) / "sub" / "weights.bin", b"A")
    lake.store.forget(KEY.folder)
    with pytest.raises(LakeError, match="differs from its digest"):
        lake.open_bundle(KEY)
    lake.write_bundle(KEY, fill("a"), LINEAGE)
    assert (lake.open_bundle(KEY) / "sub" / "weights.bin").read_text() == "a"


def test_an_unpublished_bundle_is_not_found(lake: Lake) -> None:
    with pytest.raises(KeyNotFoundError, match="models/demo/2024-01-02/mlm does not exist"):
        lake.open_bundle(KEY)
