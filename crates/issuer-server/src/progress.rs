//! What a person at a terminal sees of long work.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use issuer_store::{Phase, Progress};

/// Work that is done sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar on standard error, where that is a terminal; it goes when it is dropped.
pub(crate) struct Bar {
    start: Instant,
    shown: Option<(Phase, ProgressBar)>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            shown: None,
        }
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        if self.start.elapsed() < PATIENCE {
            return;
        }
        if let Some((phase, bar)) = &self.shown
            && *phase == progress.phase
        {
            bar.set_position(progress.done);
            return;
        }
        self.clear();
        let bar = bar(&progress);
        bar.set_position(progress.done);
        self.shown = Some((progress.phase, bar));
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(progress: &Progress) -> ProgressBar {
    let template = match progress.total {
        Some(_) => "{msg} [{bar:30}] {human_pos} of {human_len} rows, {eta} left",
        None => "{msg} {spinner} {human_pos} rows",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let target = ProgressDrawTarget::stderr();
    ProgressBar::with_draw_target(progress.total, target)
        .with_style(style.progress_chars("=> "))
        .with_message(match progress.phase {
            Phase::Destination => "reading the destination",
            Phase::Source => "reading the source",
            Phase::Writing => "copying",
            Phase::Comparing => "comparing",
        })
}
