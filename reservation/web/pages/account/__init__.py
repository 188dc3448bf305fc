"""An account: to sign up and in, the password, the address, the login sessions, and the personal data."""

from . import my_account, passwords, personal_data, sign_in, sign_up, verify_email

TABLES = (
    my_account.pages,
    passwords.pages,
    personal_data.pages,
    sign_in.pages,
    sign_up.pages,
    verify_email.pages,
)
