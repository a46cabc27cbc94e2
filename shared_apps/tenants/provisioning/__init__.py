"""Making, migrating and dropping tenants' schemas: the owner login's work.

``cluster`` prepares the database, ``template`` migrates the template schema and makes the
replay script of it, ``replay`` makes and drops schemas, ``fleet`` brings those that exist up to
the template, ``pool`` keeps ready ones and lets a sign-up claim one (the only part that runs
with the rightless login).
"""
