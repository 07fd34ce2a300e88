"""What is on the wire and in storage: JSON bodies, keys, subjects, events.

json         encode and decode, with errors that keep the bytes
models       pydantic models as JSON
keys         the keys of records
subjects     those that are known outside of the adapters
messages     step message, start and control command, result
cloudevents  what is published: core records and effects -> CloudEvents 1.0
facts        what was published: CloudEvents -> core facts
text         what others wrote, as it may be shown
inputs       what a step is given, merged from the run's input and outputs
"""
