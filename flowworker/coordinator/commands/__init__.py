"""What users send comes in, beside all other coordinators.

intake      commands -> each where it is taken, or a rejection
inbox       takes messages that are independent of each other, and acknowledges them
starts      a start message -> a run            requests   what a start message says
reruns      a rerun -> a run that goes on from another one
controls    a control message -> an event       approvals  whether it answers what was asked
signals     a signal -> kept, and an event      uploads    what a client stored before
addressing  the run that a command is about     rejection  one that cannot be taken -> one event
"""
