"""Makes what is out of date of folds and experiments, one step after the other, headless."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake.contents import Contents
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.experiment_stages import ExperimentStages
from fints_pipeline.defs.folds import complete_folds
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.retraining import request
from fints_pipeline.defs.steps import Step, due

Say = Callable[[str], None]


@dataclass
class Renewed:
    """What was done.

    Attributes:
        steps: Jobs that ran.
        failed: The message of each experiment's failure, and of the `folds` job's.
    """

    steps: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def planned(locations: Locations, *, new: bool) -> Iterator[Step]:
    """Yield what is to be done now; what that makes out of date shows after it alone.

    Args:
        locations: Lake and configs.
        new: Whether folds that were never begun, and first backtests, are to be done too.
    """
    contents = Contents(locations.lake)
    for name, folds in complete_folds(locations)[0].items():
        yield from due(contents, locations, name, folds, new=new)


def renew(locations: Locations, launcher: Launcher, *, new: bool, say: Say = print) -> Renewed:
    """Run the steps of every experiment until none is left; a failure stops no other experiment.

    Args:
        locations: Lake and configs.
        launcher: Runs the jobs.
        new: Whether folds that were never begun, and first backtests, are to be done too.
        say: Prints a line.
    """
    done = Renewed()
    if next(planned(locations, new=new), None) or _tables_are_stale(locations):
        _make_folds(launcher, done, say)
    for name, folds in complete_folds(locations)[0].items():
        try:
            for step in _until_done(locations, name, folds, new=new):
                launcher.request(request(step))
                done.steps += 1
                say(f"  {step.name}")
        except Exception as error:  # of this experiment alone
            done.failed[name] = str(error)
            say(f"  {name}  FAILED")
    return done


def _make_folds(launcher: Launcher, done: Renewed, say: Say) -> None:
    """Make the folds' tables and partitions, which ends as failed if an experiment's file is wrong.

    The others have theirs by then.
    """
    try:
        launcher.folds()
    except Exception as error:
        done.failed["folds"] = str(error)
        say("  folds  FAILED")


def _until_done(locations: Locations, name: str, folds: list, *, new: bool) -> Iterator[Step]:
    """Yield an experiment's next step, looking again after each.

    Raises:
        UserError: a step is still to be done after its run.
    """
    ran = set()
    while steps := due(Contents(locations.lake), locations, name, folds, new=new):
        step = steps[0]
        if (step.name, step.reasons) in ran:
            raise UserError(f"{step.name} is still to be done after its run: {step.reasons[0]}")
        ran.add((step.name, step.reasons))
        yield step


def _tables_are_stale(locations: Locations) -> bool:
    """Return whether a fold table that was made once is out of date."""
    from fints_pipeline.training.config import load_experiment

    contents = Contents(locations.lake)
    for name, folds in complete_folds(locations)[0].items():
        experiment = load_experiment(locations.train_config(name))
        table = ExperimentStages(contents, locations, experiment, folds).fold_table()
        if table.exists and not table.is_current:
            return True
    return False
