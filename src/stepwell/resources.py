"""What a resource of your own is made of: see docs/integrations.md."""

from stepwell.tasks.custom import ResourceFailed, TaskContext, resource

__all__ = ["ResourceFailed", "TaskContext", "resource"]
