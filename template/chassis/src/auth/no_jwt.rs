//! In the place of `jwt` without that feature: there are no tokens.

use std::{sync::Arc, time::Duration};

use clap::Args;
use hyper::HeaderMap;

use super::{denied::Denied, error::Error};
use crate::context::Caller;

pub(super) const REFUSED: [&str; 0] = [];

/// Nothing to be told.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Settings {}

pub(super) enum Tokens {}

#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as it is with `jwt`"
)]
impl Settings {
    pub(super) fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    pub(super) fn watch(&self, _: Duration) -> Result<Option<Tokens>, Error> {
        Ok(None)
    }
}

impl Tokens {
    pub(super) fn identify(
        &self,
        _: &HeaderMap,
        _: Option<&Arc<Caller>>,
        _: impl FnOnce(&Caller) -> bool,
    ) -> Result<Option<Arc<Caller>>, Box<Denied>> {
        match *self {}
    }
}
