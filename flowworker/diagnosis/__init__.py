"""Why a run does not move: pure, from what was read of its records, its fleet and its queues.

reasons       what is said: kinds, sentences, moments
evidence      what was read
runs          `diagnose`: of a whole run
steps         of one step, by its state
attempts      of an attempt that somebody makes
unclaimed     of one that nobody makes yet: what lies between a decision and a worker
others        of those of whom something is awaited: coordinators, workers
sentences     words that several of them use

Between one record of a step and the next there is exactly one of these, and this is how they are
distinguished:

no coordinator has decided   what it depends on is not over; or it is, and there is no message
no worker has claimed        its message stands in a queue, or with a worker, or waits for its time
an attempt is made           the record is RUNNING: by a worker, or it is a wait, a run, a loop
nobody may decide            a human is asked, the run stops, or a record cannot be read
"""

from __future__ import annotations

__all__ = ["Diagnosis", "Evidence", "Place", "Reason", "ReasonKind", "StepDiagnosis", "diagnose"]

from flowworker.diagnosis.evidence import Evidence, Place
from flowworker.diagnosis.reasons import Diagnosis, Reason, ReasonKind, StepDiagnosis
from flowworker.diagnosis.runs import diagnose
