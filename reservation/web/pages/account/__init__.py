"""An account: to sign up and in, the password, the second factor, the address, the sessions, and the personal data."""

from . import authenticator_app, my_account, passwords, personal_data, sign_in, sign_up, verify_email

TABLES = (
    authenticator_app.pages,
    my_account.pages,
    passwords.pages,
    personal_data.pages,
    sign_in.pages,
    sign_up.pages,
    verify_email.pages,
)
