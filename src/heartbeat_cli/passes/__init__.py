"""One function a pass (check, detect, recover, deliver, report) over explicit collaborators."""
