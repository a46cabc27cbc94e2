"""What libraries show on our pages and do not say in German, or not well; to be collected."""

from django.utils.translation import gettext_noop as _

UNFOLD = [
    _("After you've created a user, you’ll be able to edit more user options."),
    _("Apply Filters"),
    _("Available shortcuts"),
    _("Changelist shortcuts"),
    _("Choose file to upload"),
    _("Command tool shortcuts"),
    _("Create new record"),
    _("Dark"),
    _("From"),
    _("General"),
    _("Global shortcuts"),
    _("Light"),
    _("Navigate"),
    _("No results found"),
    _("Nothing matched your search"),
    _("Open command tool"),
    _("Open selection"),
    _("Open selection in new tab"),
    _("Open shortcuts list"),
    _("Recent searches"),
    _("Reset filters"),
    _("Run"),
    _("Search apps and models..."),
    _("Select"),
    _("Select action"),
    _("Select action to run"),
    _("Select format"),
    _("Select record"),
    _("Select value"),
    _("System"),
    _("This exporter will export the following fields"),
    _("This page yielded into no results."),
    _("To"),
    _("Toggle dark/light mode"),
    _("Toggle filter"),
    _("Toggle sidebar"),
    _("True"),
    _("False"),
    _("Type to search"),
    _("Welcome back to"),
]
AUDITLOG = [
    _("access"),
    _("actor email"),
    _("create"),
    _("Created {repr:s}"),
    _("delete"),
    _("Deleted {repr:s}"),
    _("object representation"),
    _("update"),
    _("Updated {repr:s}"),
]
# Its German says "du".
REST_FRAMEWORK = [
    _("Ensure this field has at least {min_length} characters."),
    _("Ensure this field has no more than {max_length} characters."),
    _("Enter a valid email address."),
]
DJANGO = [_("Raw passwords are not stored, so there is no way to see the user’s password.")]
