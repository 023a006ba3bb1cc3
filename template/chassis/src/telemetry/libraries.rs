//! A bound for what a library warns of because of a peer: h2 does at each frame that it
//! makes no sense of, and a peer sends thousands of them in a second.

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context};

use super::{directives::Directives, quota};

/// The crate that speaks to peers in place of ours.
const H2: &str = "h2";

/// Passes on to `lines` what is below the bound, and what a directive asks for. Events
/// only: the lines tell nothing of spans.
// As a filter of its own it would leave tracing-subscriber (0.3.23) to believe that the
// next line is off as well.
pub(super) struct Bounded<L> {
    pub(super) lines: L,
    pub(super) directives: Directives,
}

impl<S: Subscriber, L: Layer<S>> Layer<S> for Bounded<L> {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        let bounded = level == Level::WARN && target.split("::").next() == Some(H2);
        if !bounded || self.directives.ask_for(target, level) || quota::allows(H2) {
            self.lines.on_event(event, context);
        }
    }
}
