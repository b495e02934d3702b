import argparse

import pytest

from fints_pipeline.service.__main__ import main
from fints_pipeline.service.ports import port


@pytest.mark.parametrize("text", ["1", "3000", "65535"])
def test_a_port_is_a_number(text: str) -> None:
    assert port(text) == int(text)


@pytest.mark.parametrize("text", ["0", "65536", "99999", "-1", "", "3e3", "٣٠٠٠", "http"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 65535"):
        port(text)


def test_the_service_refuses_it_before_it_starts_anything(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--port", "99999"])
    assert "'99999' is not a port" in capsys.readouterr().err
