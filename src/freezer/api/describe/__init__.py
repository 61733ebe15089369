"""What the API says about itself: an OpenAPI 3.1 document, and pages made from it.

An *operation* is a method on a path. It is declared at its responder by :func:`operation
<freezer.api.describe.operation.operation>`: what it is for, which rule it needs, which typed documents it takes and
gives. A *form* is a document as callers write it (:mod:`freezer.model.forms`), an *answer* one as it is answered.
Whatever is routed without being declared keeps the document from being made.
"""
