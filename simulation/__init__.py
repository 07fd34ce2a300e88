"""The real coordinator and worker in a world of faults that are drawn from a seed.

loop, clock   virtual time
process       what dies, stalls, and is started anew
faults        what goes wrong, how often
gate, ports, deliveries, records, stale_reads, heartbeat   where it goes wrong: between a process
              and the memory adapters
workflows, constructs, repeated, handlers, people, outsiders, strangers   what is asked of the fleet
truth, watch, rules, waits, loops, iterations, signals, endings, reruns, starts, commands, history,
replays, rebuilds, quiet, rest   what must hold, at every write, event and acknowledgement, and at
              the end
airflow, sayings   what trigger rules and expressions mean, without the engine's own words for it
focus         what worlds are about, for a search for one kind of defect
world, settings   one seed from its beginning to its end
campaign      many of them
trace, logs, counts   what a world has to tell
"""
