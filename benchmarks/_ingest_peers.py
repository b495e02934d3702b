"""The same outputs as ingest, the plain way: a pandas script and DuckDB SQL, nothing checked."""

import zipfile
from pathlib import Path

FREQUENCIES = {"5m": 5, "30m": 30, "1D": 1440}
COLUMNS = ["stamp", "open", "high", "low", "close", "volume"]


def run_pandas(zips: Path, target: Path) -> None:
    """Read each zip, move stamps to UTC, resample by session, write a file a month."""
    import pandas as pd

    for path in sorted(zips.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            name = next(each for each in archive.namelist() if each.endswith(".csv"))
            with archive.open(name) as member:
                bars = pd.read_csv(member, sep=";", names=COLUMNS)
        local = pd.to_datetime(bars.pop("stamp"), format="%Y%m%d %H%M%S")
        shifted = local + pd.Timedelta(hours=7)
        bars["open_time"] = local.dt.tz_localize("America/New_York").dt.tz_convert("UTC")
        bars["session"] = shifted.dt.normalize()
        bars["minute"] = (shifted - bars["session"]).dt.total_seconds() // 60
        frames = {"1m": bars}
        for freq, step in FREQUENCIES.items():
            groups = bars.groupby(["session", bars["minute"] // step])
            frames[freq] = groups.agg(
                open_time=("open_time", "first"),
                open=("open", "first"),
                high=("high", "max"),
                low=("low", "min"),
                close=("close", "last"),
                volume=("volume", "sum"),
            ).reset_index()
        for freq, frame in frames.items():
            for month, rows in frame.groupby(frame["session"].dt.strftime("%Y-%m")):
                folder = target / freq / path.stem / str(month)
                folder.mkdir(parents=True)
                rows.to_parquet(folder / "data.parquet")


def run_duckdb(csvs: Path, target: Path) -> None:
    """Read extracted CSV, move stamps to UTC, group by session, write a file a month."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for path in sorted(csvs.glob("*.csv")):
            connection.execute(
                """
                CREATE OR REPLACE TABLE bars AS
                SELECT timezone('America/New_York', local) AS open_time,
                       CAST(local + INTERVAL 7 HOURS AS DATE) AS session,
                       date_diff('minute', session, local + INTERVAL 7 HOURS) AS minute,
                       open, high, low, close, volume
                FROM (SELECT *, strptime(stamp, '%Y%m%d %H%M%S') AS local
                      FROM read_csv(?, delim = ';', header = false, columns = {
                          'stamp': 'VARCHAR', 'open': 'DOUBLE', 'high': 'DOUBLE',
                          'low': 'DOUBLE', 'close': 'DOUBLE', 'volume': 'DOUBLE'}))
                """,
                [str(path)],
            )
            grouped = """
                SELECT min(open_time) AS open_time, session, first(open ORDER BY open_time) AS open,
                       max(high) AS high, min(low) AS low,
                       last(close ORDER BY open_time) AS close, sum(volume) AS volume
                FROM bars GROUP BY session, minute // {step} ORDER BY open_time
            """
            queries = {freq: grouped.format(step=step) for freq, step in FREQUENCIES.items()}
            for freq, query in {"1m": "FROM bars", **queries}.items():
                folder = target / freq / path.stem
                folder.mkdir(parents=True)
                connection.execute(
                    f"COPY (SELECT *, strftime(session, '%Y-%m') AS month FROM ({query})) "
                    f"TO '{folder}' (FORMAT parquet, PARTITION_BY (month), COMPRESSION zstd)"
                )
