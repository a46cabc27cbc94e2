"""A person's logins: where they are signed in, and ending that."""
