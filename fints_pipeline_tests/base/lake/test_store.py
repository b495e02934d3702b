import subprocess
import sys
from pathlib import Path


def test_a_bucket_needs_its_extra_and_a_folder_does_not(project: Path) -> None:
    code = (
        "import sys; sys.modules['boto3'] = None\n"
        "from fints_pipeline.base.lake import Lake\n"
        "Lake('folder')\n"
        "try:\n    Lake('s3://bucket/x')\nexcept Exception as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert "needs boto3" in done.stdout
    assert "make deploy" in done.stdout
    assert done.stderr == ""
