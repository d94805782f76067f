"""The files of the site (VFS) and folders of them as zip files, as Kudu serves them."""

from jobsched.web.vfs import archives, files
from jobsched.web.vfs.blueprint import vfs

__all__ = ["archives", "files", "vfs"]
