"""Files from elsewhere: looked at as hostile, and built anew instead of taken over."""
