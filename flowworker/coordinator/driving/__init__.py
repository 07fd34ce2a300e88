"""Runs go on, each on the coordinator that has its partition.

partitions  which coordinator drives which runs: leases
scheduler   the events of one partition -> `core.decide` -> effects, run by run
mailboxes   one thing after the other for each run, runs beside each other
active      the runs of a partition in memory
ended       whether runs that have ended will be removed
holding     which workflows pause, and which runs have not heard it
aftermath   what a failure of the power has taken
recovery    runs without progress are rebuilt from their records and decided again
"""
