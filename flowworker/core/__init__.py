"""The pure core: what a workflow is, and what happens next.

    model        what users define               graph      order, successors, ancestors
    status       the words for states            records    the persisted forms
    event_types  what events are called          state      a run as its coordinator sees it
    facts        what can happen to a run        effects    what shall be done about it
    decide       (state, fact) -> (state, effects)
    draft        one decision while it is made   forward    what is ready is dispatched
    rules        may a step run, given how those it depends on ended?
    failure      a failed attempt -> what follows
    policy       retry, fallback, escalation: which is next, and after which delay
    stopping     cancel, terminate, timeout, and the saga
    ending       the end, and the steps that run before it in any case
    conclusion   what a run that was not stopped results in
    waiting      signals come in
    human        what an answer leads to
    replay       records -> state, by the rules for facts
    rebuild      the same, and everything that may have been lost
    claim        may an attempt run, or end?     staleness  how old an answer may be
    ids          names, partitions, keys         payload    inputs and outputs as they travel

Nothing here reads a clock, a random source, the network or a log: `now` is an argument.
"""
