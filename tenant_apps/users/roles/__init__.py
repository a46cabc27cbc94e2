"""Who may do what, and who may say so: one set of rules for the admin and the API.

``matrix`` lists what a role may hold, ``giving`` changes roles and memberships and says no,
``explaining`` answers why a person may or may not do something.
"""
