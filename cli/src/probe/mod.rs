//! Live checks: sends, listens, observes. What it means is decided in [`portwright::probe`].
