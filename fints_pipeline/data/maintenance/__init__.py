"""Keeping a lake sound: verify its content, collect what nothing needs, migrate its schemas."""

from fints_pipeline.data.maintenance.collection import collect, find_garbage
from fints_pipeline.data.maintenance.garbage import Garbage
from fints_pipeline.data.maintenance.migration import Migration, apply, plan
from fints_pipeline.data.maintenance.verification import Finding, verify

__all__ = ["Finding", "Garbage", "Migration", "apply", "collect", "find_garbage", "plan", "verify"]
