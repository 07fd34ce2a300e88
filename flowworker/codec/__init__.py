"""What things look like outside of the process: JSON bodies, keys, subjects' tails, schemas.

json         encode and decode, with errors that keep the bytes
keys         the keys of records
messages     step message, start and control command, result
cloudevents  what is told: core records and commands -> CloudEvents 1.0
facts        what was told: CloudEvents -> core facts
history      a run's history, for whoever rebuilds the run
schema       JSON Schemas of all of them, generated from the types
"""
