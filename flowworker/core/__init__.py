"""The pure core: what a workflow is, and what happens next.

    model     what users define                 graph     order, successors, ancestors
    status    the words for states              records   the persisted forms
    state     a run as its coordinator sees it  events    what can happen to it
    commands  what shall be done about it       decide    (state, event) -> (state, commands)
    failure   a failed attempt -> what follows  retry     the delay before the next attempt
    saga      what to compensate, in order      rebuild   records -> state
    claim     may an attempt run, or be ended?  ids       names, partitions, idempotency keys

Nothing here reads a clock, a random source, the network or a log: `now` is an argument.
"""
