"""What the client shows and does, over HTTP: as JSON for programs, and as pages for people.

tokens, roles     who asks, and what they may do          origins    from where, and by which name
rates             how often                               guard      all of this, for one request
endpoint          what can be asked for, as one type      forms      what goes in, and comes out
looking, acting   the endpoints themselves                graphs     a run as nodes and edges
layouts           a definition as a picture               unfinished what runs on which definition
queries           parameters, read from text
events, hub, streams   what happens, as it happens
problems          errors as answers                       openapi    the document of all of it
counting          how often what was asked for, for those who watch
fleet             the connection, which comes back
pages, static     the dashboard, made of all that
site, serving     put together, and listening
"""

from __future__ import annotations

__all__: list[str] = []
