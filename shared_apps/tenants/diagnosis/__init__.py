"""What is wrong in an installation: ``manage.py doctor``.

A finding is yielded by a function of the module of its subject: ``versions`` and ``structure``
compare the schemas with the template, ``fixed_rows`` their content types and permissions,
``roles`` and ``grants`` who may what, ``ownership`` who owns what, ``orphans`` what belongs to
nobody; ``pooler``, ``server`` and ``redis_servers`` ask the services, ``settings_sheet`` runs
Django's system checks. ``examinations`` is the list of them all.

Schemas are compared by queries over all of them, never by a query each.
"""
