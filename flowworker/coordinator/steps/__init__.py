"""Steps for which a coordinator does something itself, which a worker does for any other.

engine_steps  those without a handler, each by its kind:
waits         those that wait                   taking         the signal that one waits for
child_steps   those whose attempts are runs     children       the runs that they start
ends          those that end their run          child_results  what these result in
refusals      an attempt that no worker can get has failed
attempts      their records and events, for all of these

answers       what a decision has to know of values, by means of
judging       may a step run, by its condition?
loops         how a loop begins and ends
repeating     does a step run again?
"""
