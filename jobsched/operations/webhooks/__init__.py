"""Web hooks: who wants to be told of what, and telling them."""

from jobsched.operations.webhooks.book import HookDraft, WebHooks

__all__ = ["HookDraft", "WebHooks"]
